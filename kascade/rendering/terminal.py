"""Text of others on a person's terminal: what would steer it, or turn the order of letters, is shown instead.

Whoever can send an event, or names a column, could otherwise move the cursor, hide lines or set the title.
"""

from __future__ import annotations

import re

from rich import markup

# Controls but tab and newline; DEL and C1, which do as ESC does; marks of direction, separators of lines;
# halves of surrogate pairs, which cannot be written at all.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile("[\t\n]")


def visible(text: str) -> str:
    """Return a text whose control characters are written out (`\\x1b`)."""
    return _STEERING.sub(_written, text)


def escape(text: str) -> str:
    """Return a text to print with rich: without control characters, and without markup of its own."""
    return markup.escape(visible(text))


def escape_line(text: str) -> str:
    """Return a text as `escape` does, in one line."""
    return markup.escape(_BREAKS.sub(_written, visible(text)))


def visible_json(text: str) -> str:
    """Return the same JSON, with the control characters that JSON allows in strings as escapes."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
