"""The `suffix` dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes


@dataclass(frozen=True)
class SuffixFilter:
    """Passes if every attribute is there and ends with its value, case-sensitively."""

    wanted: Mapping[str, str]

    def matches(self, event: Attributes) -> bool:
        return all(name in event and event[name].endswith(value) for name, value in self.wanted.items())

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return None: no finite set of values decides."""
        return None
