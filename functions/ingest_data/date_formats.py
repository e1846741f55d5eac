"""Finds out how a column's dates are written."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from functions.data_files.refusal import FileRefused, refuse
from pipelines.values.arrays import read_array, to_mask, trimmed
from pipelines.values.form import Form
from pipelines.values.written_arrays import full, plain_numbers
from pipelines.values.written_dates import parse

_DAYS = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS_IN_WORDS = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_FORMATS = (
    *(day + time for time in _TIMES for day in _DAYS),
    "%Y%m%d",
    *_MONTHS_IN_WORDS,
    "%Y-%m-%d %H:%M:%S UTC",
)
_SHORT_DAYS = ("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%y/%m/%d", "%d-%b-%y")
_SHORT_YEARS = tuple(day + time for time in _TIMES for day in _SHORT_DAYS)
_DIGITS = ".*[0-9].*[0-9].*"
_HEAD, _MOST = 200, 0.5
_ISO = "[0-9]{4}-[0-9]{2}-.*"  # ISO has weeks and bare digits too, which ids look like
_UNIX_RANGE = (631_152_000, 4_102_444_800)  # 1990 to 2100, in seconds


def date_format(
    name: str, array: pa.Array, form: Form, tolerated: float, *, required: bool = False
) -> str | None:
    """Return how the dates of a column are written; None is ISO 8601.

    Raises:
        FileRefused: they could be read in two ways; or they are no dates, if those are `required`.
    """
    if not pa.types.is_string(array.type):
        return _unix_format(array) if _is_numeric(array.type) else None
    text = trimmed(array, form).drop_null()
    fits, formats = dates(text, tolerated)
    if fits and len(formats) <= 1:
        return formats[0] if formats else None
    if fits:
        raise refuse(
            "the timestamp can be read in two ways",
            f"column {name}",
            f"values such as {text[0].as_py()!r} fit {' and '.join(formats)}",
            f'say which in model.yaml: schema: {{{name}: {{type: datetime, format: "{formats[0]}"}}}}',
        )
    numbers = plain_numbers(text, form)
    share = _share(numbers.is_valid())
    unix = _unix_format(numbers.drop_null().cast(pa.float64())) if share >= 1 - tolerated else None
    if unix is None and required and len(text):
        raise _no_timestamp(name, text[0].as_py(), short_years(text, tolerated))
    return unix


def _no_timestamp(name: str, example: str, short: Sequence[str]) -> FileRefused:
    line = f'schema: {{{name}: {{type: datetime, format: "{short[0]}"}}}}' if short else "under schema"
    return refuse(
        "the timestamp column holds no dates",
        f"column {name}",
        f"got values such as {example!r}",
        f"write ISO 8601 (2026-01-31T12:00:00Z), or give the format in model.yaml: {line}",
    )


def dates(text: pa.Array, tolerated: float) -> tuple[bool, Sequence[str]]:
    """Say whether the texts are dates, and by which formats: none is ISO 8601, two is ambiguous."""
    if not len(text):
        return False, []
    iso = full(text, _ISO)
    if _share(iso) >= 1 - tolerated:
        read = read_array(text.filter(iso), "datetime")[0]
        if len(read) - read.null_count >= (1 - tolerated) * len(text):
            return True, []
    return _by_formats(text, _FORMATS, tolerated)


def short_years(text: pa.Array, tolerated: float) -> Sequence[str]:
    """Return the formats by which texts are dates with years of two digits, whose century is a guess."""
    fits, formats = _by_formats(text, _SHORT_YEARS, tolerated)
    return formats if fits else ()


def _by_formats(text: pa.Array, formats: Sequence[str], tolerated: float) -> tuple[bool, Sequence[str]]:
    head = text.slice(0, _HEAD)
    if _share(full(head, _DIGITS)) < _MOST:
        return False, []
    likely = [name for name in formats if _strptime_share(head, name) >= _MOST]
    shares = {name: _strptime_share(text, name) for name in likely}
    best = max(shares.values(), default=0.0)
    found = [name for name, share in shares.items() if share == best]
    if len({name.replace("%B", "%b") for name in found}) == 1:  # in May the short name is the long one
        found = found[-1:]
    return bool(found) and best >= 1 - tolerated, found


def _strptime_share(text: pa.Array, format_: str) -> float:
    return _share(parse(text, format_).is_valid())


def _unix_format(numbers: pa.Array) -> str | None:
    if not len(numbers) or numbers.null_count == len(numbers):
        return None
    middle = float(pc.mean(numbers.cast(pa.float64(), safe=False)).as_py())
    low, high = _UNIX_RANGE
    if low <= middle <= high:
        return "unix"
    return "unix_ms" if low * 1000 <= middle <= high * 1000 else None


def _is_numeric(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_))


def _share(fits: pa.Array) -> float:
    return float(to_mask(fits).mean()) if len(fits) else 0.0
