"""Reads raw values: text of a file or a tensor, or values of JSON, numpy and Arrow.

Raises: NotRead where a value is none of its column's kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from pipelines.values.form import PLAIN, Form
from pipelines.values.missing import LABELS, means_missing
from pipelines.values.written import plain_number

# Epoch numbers from these on are nano-, micro-, milliseconds: seconds stay below until the year 5138.
EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_EPOCH = 1e21  # nanoseconds are far beyond the year 9999 by then
UNIX = {"unix": 1, "unix_ms": 1_000}
EXACT_FLOAT = 2**53
TRUE = frozenset({"true", "t", "yes", "y"})
FALSE = frozenset({"false", "f", "no", "n"})


class NotRead(ValueError):
    """The value is none of its column's kind."""


def is_missing(value: object) -> bool:
    """Tell whether a raw value that is no text stands for "not known": None, NaN or NaT."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return isinstance(value, np.datetime64) and bool(np.isnat(value))


def read_number(value: object, form: Form = PLAIN, kind: str = "number") -> float | int | None:
    """Read a number; a whole one is an int where the text or value has it exactly. Missing is None."""
    if isinstance(value, str):
        text = value.strip()
        if means_missing(text, kind, form):
            return None
        plain = plain_number(text, form)
        if plain is None:
            raise NotRead(value)
        return int(plain) if plain.lstrip("+-").isdecimal() and len(plain) < 400 else float(plain)
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bool | int | float):
        return int(value) if isinstance(value, bool) else value
    raise NotRead(value)


def read_integer(value: object, form: Form = PLAIN) -> int | None:
    """Read a whole number within 64 bits, exactly. Missing is None."""
    number = read_number(value, form, "integer")
    if isinstance(number, float):
        if not number.is_integer() or abs(number) >= EXACT_FLOAT:
            raise NotRead(value)
        number = int(number)
    if number is not None and not -(2**63) <= number < 2**63:
        raise NotRead(value)
    return number


def read_boolean(value: object, form: Form = PLAIN) -> bool | None:
    """Read true or false, also written as yes and no, 1 and 0. Missing is None."""
    if isinstance(value, str):
        text = value.strip()
        if means_missing(text, "boolean", form):
            return None
        word = text.lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
        if word not in ("1", "1.0", "0", "0.0"):
            raise NotRead(value)
        return word.startswith("1")
    number = read_number(value, form, "boolean")
    if number not in (None, 0, 1):
        raise NotRead(value)
    return None if number is None else bool(number)


def read_label(value: object, kind: str = "category", form: Form = PLAIN) -> str | None:
    """Return a category's or a text's canonical text: trimmed, 1.0 as 1, true in small letters.

    Missing is None.
    """
    if isinstance(value, str):
        text = value.strip()
        return None if means_missing(text, kind, form) else text
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else str(value)
    raise NotRead(value)


def folded(label: str) -> str:
    """Return a form that all spellings of one label share: 1.0 and 1, True and true."""
    lowered = label.lower()
    if lowered in ("true", "false"):
        return lowered
    head, point, tail = label.partition(".")
    return head if point and not tail.strip("0") and head.lstrip("+-").isdecimal() else label


def read_time(value: Any, form: Form = PLAIN) -> datetime | None:
    """Read a time, UTC where no zone is given: as the form has it, ISO 8601, or a number since 1970.

    Missing is None.
    """
    if isinstance(value, str):
        return _time_of_text(value.strip(), form)
    if is_missing(value):
        return None
    if isinstance(value, np.datetime64):
        return _of_micros(int(value.astype("datetime64[us]").astype(np.int64)), value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bool | np.bool_):
        raise NotRead(value)
    return _time_of_number(value, form)


def _time_of_text(text: str, form: Form) -> datetime | None:
    if means_missing(text, "datetime", form):
        return None
    if form.format in UNIX:
        try:
            return _time_of_number(read_number(text, form), form)
        except NotRead:
            return parse_iso(text)
    if form.format is not None:
        try:
            return _in_utc(datetime.strptime(text, form.format))
        except ValueError:
            pass
    return parse_iso(text)


def parse_iso(text: str) -> datetime:
    """Read a trimmed text of ISO 8601; without a zone it is UTC."""
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise NotRead(text) from error


def _time_of_number(value: Any, form: Form) -> datetime:
    number = read_number(value, form)
    if number is None or not abs(number) < _NO_EPOCH:  # nor is NaN
        raise NotRead(value)
    if form.format in UNIX:
        per_second: float = UNIX[form.format]
    elif form.format is not None:  # a day such as 20260131
        return _time_of_text_as_written(number, form)
    else:
        per_second = next((unit for above, unit in EPOCH_UNITS if abs(number) >= above), 1.0)
    return _of_micros(round(number * (1_000_000 / per_second)), value)


def _time_of_text_as_written(number: float | int, form: Form) -> datetime:
    text = read_label(number) or ""
    try:
        return _in_utc(datetime.strptime(text, form.format or ""))
    except ValueError as error:
        raise NotRead(number) from error


def _of_micros(micros: int, value: object) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise NotRead(value) from error


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError as error:
        raise NotRead(value) from error


def read_value(value: object, kind: str, form: Form = PLAIN) -> Any:
    """Read a raw value of a column of this kind; missing is None."""
    if kind in LABELS:
        return read_label(value, kind, form)
    if kind == "datetime":
        return read_time(value, form)
    if kind == "boolean":
        return read_boolean(value, form)
    return read_integer(value, form) if kind == "integer" else read_number(value, form, kind)


def has_text(values: Iterable[object]) -> bool:
    """Say whether any of the raw values is a text."""
    return any(isinstance(value, str) for value in values)
