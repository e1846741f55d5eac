"""`spec.filter.attributes`: the original filter of a Trigger. SPEC-CP TriggerFilter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knative.local.broker.filters.base import Attributes


@dataclass(frozen=True)
class AttributesFilter:
    """Passes if every attribute equals its value; the empty string asks only for a non-empty attribute."""

    wanted: Mapping[str, str]

    def matches(self, event: Attributes) -> bool:
        return all(
            (event.get(name) == value) if value else bool(event.get(name))
            for name, value in self.wanted.items()
        )

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return the first attribute that has a value, `type` before any other."""
        named = {name: value for name, value in self.wanted.items() if value}
        if not named:
            return None
        name = "type" if "type" in named else next(iter(named))
        return name, frozenset({named[name]})
