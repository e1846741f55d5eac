"""How large the filters of one Trigger may be: every event is held against them before its 202."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 32
MAX_PARTS = 2_000
MAX_CHARACTERS = 32_768


def why_too_large(filters: Any) -> str | None:
    """Return why a `filters` list is not compiled: nested too deep, too many parts, too much text."""
    parts = characters = 0
    waiting = [(filters, 0)]
    while waiting:
        value, depth = waiting.pop()
        parts += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, Mapping):
            characters += sum(len(str(name)) for name in value)
            waiting += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
        if depth > MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} levels deep"
        if parts > MAX_PARTS or characters > MAX_CHARACTERS:
            return f"is larger than {MAX_PARTS} parts or {MAX_CHARACTERS} characters"
    return None
