"""Which triggers an event goes to, found without asking every trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from knative.local.broker.filters import Attributes, Filter


class Filtered(Protocol):
    """Anything that has a filter."""

    @property
    def filter(self) -> Filter:
        """Return what passes."""
        ...


T = TypeVar("T", bound=Filtered)


class TriggerIndex(Generic[T]):
    """Triggers by the attribute value that they require; those that require none are always asked."""

    def __init__(
        self, triggers: Iterable[T], broken: Callable[[T, Exception], None] = lambda trigger, error: None
    ) -> None:
        """Index the triggers of one broker; `broken` is told of a filter that raises."""
        self._broken = broken
        self._by_value: dict[str, dict[str, list[T]]] = {}
        self._others: list[T] = []
        for trigger in triggers:
            answer = trigger.filter.required()
            if answer is None:
                self._others.append(trigger)
                continue
            name, values = answer
            for value in values:
                self._by_value.setdefault(name, {}).setdefault(value, []).append(trigger)

    def match(self, event: Attributes) -> list[T]:
        """Return the triggers whose filter the event passes, each once; no filter can fail the others."""
        candidates = list(self._others)
        for name, by_value in self._by_value.items():
            candidates += by_value.get(event.get(name, ""), ())
        return [trigger for trigger in candidates if self._passes(trigger, event)]

    def _passes(self, trigger: T, event: Attributes) -> bool:
        try:
            return trigger.filter.matches(event)
        except Exception as error:
            self._broken(trigger, error)
            return False
