"""The `not` dialect."""

from __future__ import annotations

from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes, Filter


@dataclass(frozen=True)
class NotFilter:
    """Passes if its filter does not."""

    part: Filter

    def matches(self, event: Attributes) -> bool:
        return not self.part.matches(event)

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return None: whatever is not excluded may pass."""
        return None
