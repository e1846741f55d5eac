"""Reads dates by a format of strptime in a whole column, and no more than Python's strptime would."""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.written_arrays import full

# Arrow asks the C library, which takes `January` for %b, years of one digit and nothing for a space, and the
# 31st of February for the 3rd of March.
_MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_LONG_MONTHS = "(?i:january|february|march|april|may|june|july|august|september|october|november|december)"
_STRICT = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "(?:1[0-2]|0?[1-9])",
    "%d": "(?:3[01]|[12][0-9]|0?[1-9])",
    "%H": "(?:2[0-3]|[01]?[0-9])",
    "%I": "(?:1[0-2]|0?[1-9])",
    "%M": "[0-5]?[0-9]",
    "%S": "[0-5]?[0-9]",
    "%p": "(?i:am|pm)",
    "%b": _MONTHS,
    "%B": _LONG_MONTHS,
}
_FIRST_FULL_YEAR = pa.scalar(-30_610_224_000_000_000, pa.int64())  # 1000: years of fewer digits are cut short


@cache
def _pattern(format_: str) -> str | None:
    """Return what a date of this format looks like, its day as a group; None where not all of it is known."""
    parts = re.split(r"(%.|\s+)", format_)
    if any(part.startswith("%") and part not in _STRICT for part in parts) or parts.count("%d") > 1:
        return None
    known = {**_STRICT, "%d": f"(?P<day>{_STRICT['%d']})"}
    return "".join(known.get(part) or (r"\s+" if part.isspace() else re.escape(part)) for part in parts)


def parse(text: pa.Array, format_: str) -> pa.Array:
    """Return the moments that texts say, in microseconds and no zone.

    Null is what is no such date, and all that a format says of which not all is known here: Python may know.
    """
    pattern = _pattern(format_)
    if pattern is None:
        return pa.nulls(len(text), pa.timestamp("us"))
    found = pc.strptime(text, format=format_, unit="us", error_is_null=True)
    fits = pc.and_(pc.greater_equal(found.cast(pa.int64()), _FIRST_FULL_YEAR), full(text, pattern))
    if "(?P<day>" in pattern:
        day_of_text = pc.struct_field(pc.extract_regex(text, rf"\A(?:{pattern})\z"), "day")
        fits = pc.and_(fits, pc.equal(pc.day(found), day_of_text.cast(pa.int64())))
    return pc.if_else(fits, found, pa.scalar(None, found.type))
