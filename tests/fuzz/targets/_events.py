"""Attributes of events, as filters see them."""

from __future__ import annotations

ATTRIBUTES = (
    {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"},
    {
        "specversion": "1.0",
        "id": "é" * 50,
        "source": "s",
        "type": "a",
        "subject": "x%_\\",
        "n": "-2147483648",
        "f": "true",
    },
    {
        "specversion": "0.3",
        "id": "2147483648",
        "source": "",
        "type": "A.B",
        "subject": "a" * 5000,
        "n": "",
        "x": "y",
    },
)
