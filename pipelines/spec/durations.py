"""Durations as people write them: `60s`, `10m`, `6h`, `14d`, `2w`, or several together: `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
LAYOUT = rf"^(?:{_PART.pattern})+$"
"""How a duration is written, as a regular expression."""
_LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90s`, `1h30m` or `14d`.

    Raises:
        ValueError: the text is no duration, or is longer than ten years.
    """
    if not re.fullmatch(LAYOUT, text):
        raise ValueError("a number with a unit (ms, s, m, h, d, w), such as 60s, 6h or 14d")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST.total_seconds():
        raise ValueError("a duration of at most ten years (3650d)")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration with the largest unit that divides it: 6 hours is `6h`."""
    milliseconds = round(duration.total_seconds() * 1000)
    for unit in ("w", "d", "h", "m", "s"):
        size = round(_UNITS[unit] * 1000)
        if milliseconds and milliseconds % size == 0 and unit != "w":
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def _from_yaml(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("duration", "a duration with a unit, such as 60s, 6h or 14d")
    try:
        return parse_duration(value.strip())
    except ValueError as error:
        raise PydanticCustomError("duration", "{expected}", {"expected": str(error)}) from error


Duration = Annotated[
    timedelta, BeforeValidator(_from_yaml), PlainSerializer(format_duration, return_type=str)
]
