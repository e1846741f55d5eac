"""Times and ISO 8601 durations, as Knative and its objects write them (`PT0.2S`, `P1DT12H`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?P<clock>T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
# Years and months have no fixed length: the mean of the Gregorian calendar, as Knative takes them.
_SECONDS = (31_556_952.0, 2_629_746.0, 604_800.0, 86_400.0, 3_600.0, 60.0, 1.0)


def parse_duration(text: str) -> float:
    """Return the seconds of an ISO 8601 duration.

    Args:
        text: for example `PT0.2S`, `PT1M30S`, `P1DT2H`; fractions with a point or a comma; no sign.

    Raises:
        ValueError: not a duration (also `P`, `PT`, `P1S`, `10s`, negative ones).
    """
    match = _DURATION.fullmatch(text)
    if match is None or match["clock"] == "T":
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT0.2S")
    parts = [*match.groups()[:4], *match.groups()[5:]]
    if all(part is None for part in parts):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT0.2S: it names no length")
    return sum(
        float(part.replace(",", ".")) * seconds
        for part, seconds in zip(parts, _SECONDS, strict=True)
        if part is not None
    )


def rfc3339_nano(ns: int) -> str:
    """Return the time of so many nanoseconds since the epoch, with all nine digits."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
