"""Which triggers an event goes to, found without asking every trigger."""

from __future__ import annotations

from collections.abc import Iterable
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

    def __init__(self, triggers: Iterable[T]) -> None:
        """Index the triggers of one broker."""
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
        """Return the triggers whose filter the event passes, each once."""
        candidates = list(self._others)
        for name, by_value in self._by_value.items():
            candidates += by_value.get(event.get(name, ""), ())
        return [trigger for trigger in candidates if trigger.filter.matches(event)]
