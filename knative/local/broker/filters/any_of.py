"""The `any` dialect."""

from __future__ import annotations

from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes, Filter


@dataclass(frozen=True)
class AnyFilter:
    """Passes if at least one of its filters passes."""

    parts: tuple[Filter, ...]

    def matches(self, event: Attributes) -> bool:
        return any(part.matches(event) for part in self.parts)

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return the union of the parts' values if all of them decide by the same attribute."""
        required = [part.required() for part in self.parts]
        decided = [answer for answer in required if answer is not None]
        names = {name for name, _ in decided}
        if len(decided) < len(required) or len(names) != 1:
            return None
        return names.pop(), frozenset().union(*(values for _, values in decided))
