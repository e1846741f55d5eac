"""Finds columns of words whose values look like numbers or dates that are written in no way that is read."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.form import Form
from pipelines.values.written import plain_number
from pipelines.values.written_arrays import full

_MOST = 0.95
_VALUES = 1_000
_CONTEXTS = 3
_NUMBER = re.compile(
    r"(?P<before>[A-Z]{3} ?|Rs\.? ?|\()?(?P<number>[-+]?[0-9][0-9.,' ]*?)"
    r"(?P<after> ?[A-Za-zµ°²³/‰]{1,6}|\)|-)?"
)
_MONTH = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = (
    rf".*\b{_MONTH}\b.*[0-9]{{4}}.*",
    rf"[0-9]{{1,2}}[- /.]?{_MONTH}[- /.]?[0-9]{{2,4}}.*",
    r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}([ T].*)?",
    r"[0-9]{4}[-/][0-9]{1,2}([-/][0-9]{1,2}.*)?",
)
_TIME_OF_DAY = "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?(?i:am|pm))?"


def are_numbers_with_something_beside(text: pa.Array) -> bool:
    """Say whether nearly all are numbers in brackets or with the same few words beside: 5 kg, USD 5, (5)."""
    values = pc.unique(text.slice(0, _VALUES)).to_pylist()
    found = [match for match in map(_NUMBER.fullmatch, values) if match and _beside(match)]
    contexts = {(match["before"], match["after"]) for match in found}
    many = len(values) >= _CONTEXTS * len(contexts)
    return bool(contexts) and len(contexts) <= _CONTEXTS and many and len(found) >= _MOST * len(values)


def _beside(match: re.Match[str]) -> bool:
    if not (match["before"] or match["after"]):
        return False
    return plain_number(match["number"].strip(), Form(grouped=True)) is not None


def are_dates(text: pa.Array) -> bool:
    """Say whether nearly all look like dates or months."""
    return _share(text, "|".join(f"({pattern})" for pattern in _DATE)) >= _MOST


def are_times_of_day(text: pa.Array) -> bool:
    """Say whether nearly all look like times of day."""
    return _share(text, _TIME_OF_DAY) >= _MOST


def _share(text: pa.Array, pattern: str) -> float:
    found = full(text.slice(0, _VALUES), pattern)
    return float(pc.mean(found.cast(pa.int8())).as_py() or 0.0)
