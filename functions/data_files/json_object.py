"""One JSON record, from its bytes."""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_NESTING = 64
NOT_JSON = "not a JSON object"
TOO_DEEP = f"nested more than {MAX_NESTING} deep"
_NO_JSON_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|\bNaN\b|-?\bInfinity\b')


def parse_object(line: bytes) -> dict[str, Any] | str:
    """Return a record, or why it cannot be read."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        plain = _NO_JSON_NUMBER.sub(_as_json, line) if b"NaN" in line or b"Infinity" in line else line
        if plain != line:
            return parse_object(plain)
        return TOO_DEEP if _opens(line) > MAX_NESTING and line.lstrip().startswith(b"{") else NOT_JSON
    if not isinstance(found, dict):
        return NOT_JSON
    return TOO_DEEP if _opens(line) > MAX_NESTING and _is_deep(found) else found


def _opens(line: bytes) -> int:
    """Return an upper bound of how deep a record is nested: how many braces and brackets open in it."""
    return line.count(b"{") + line.count(b"[")


def _is_deep(record: dict[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(MAX_NESTING):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return False
    return True


def _as_json(found: re.Match[bytes]) -> bytes:
    """Replace NaN and Infinity, which Python writes and JSON lacks: by null, or by their text, as in CSV."""
    text = found[0]
    if text.startswith(b'"'):
        return text
    return b"null" if text == b"NaN" else b'"' + text + b'"'
