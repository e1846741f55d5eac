"""The `all` dialect, and how several entries of `spec.filters` are joined."""

from __future__ import annotations

from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes, Filter


@dataclass(frozen=True)
class AllFilter:
    """Passes if every one of its filters passes; with none at all, every event passes."""

    parts: tuple[Filter, ...]

    def matches(self, event: Attributes) -> bool:
        return all(part.matches(event) for part in self.parts)

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return what the first deciding part requires, one on `type` before any other."""
        decided = [answer for part in self.parts if (answer := part.required()) is not None]
        return min(decided, key=lambda answer: answer[0] != "type", default=None)
