"""Texts from outside that rows are found by, such as an event's source and id.

PostgreSQL refuses a row whose key is longer than about 2,700 bytes, and a text with NUL in it. An event must
not stay out of the ledger because of the length of its id: a long one is kept shortened, and is found by its
whole form as well.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

MAX_KEY_BYTES = 640
"""Three of these and some names fit into one index."""

_MARK = "…"


class Key(TypeDecorator[str]):
    """A text to find rows by; what is compared with it is shortened in the same way."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Shorten and clean a text on its way into the database."""
        return None if value is None else key_of(value)


def key_of(text: str) -> str:
    """Return a text as it is kept: itself, unless it is long or unfit. What it returns stays so."""
    kept = storable(text)
    raw = kept.encode()
    if len(raw) <= MAX_KEY_BYTES:
        return kept
    end = f"{_MARK}{hashlib.sha256(raw).hexdigest()}"
    return raw[: MAX_KEY_BYTES - len(end.encode())].decode("utf-8", "ignore") + end


def storable(text: str) -> str:
    """Replace what PostgreSQL cannot keep in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
