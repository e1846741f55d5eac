"""The `exact` dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes


@dataclass(frozen=True)
class ExactFilter:
    """Passes if every attribute is there and equals its value, case-sensitively."""

    wanted: Mapping[str, str]

    def matches(self, event: Attributes) -> bool:
        return all(event.get(name) == value for name, value in self.wanted.items())

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return one of the wanted attributes, `type` before any other."""
        name = "type" if "type" in self.wanted else next(iter(self.wanted))
        return name, frozenset({self.wanted[name]})
