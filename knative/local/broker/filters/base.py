"""What a filter is: a pure question about the attributes of one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Attributes = Mapping[str, str]
"""An event's context attributes and extensions by name, each in its canonical string form. Never its data."""


class Filter(Protocol):
    """Says whether an event passes."""

    def matches(self, event: Attributes) -> bool:
        """Return whether the event with these attributes passes."""
        ...

    def required(self) -> tuple[str, frozenset[str]] | None:
        """Return an attribute and the only values of it that can pass, or None if no single one decides.

        The trigger index uses it to leave out, without asking, the triggers that an event cannot match.
        """
        ...
