"""A label's value as the model's target has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import NotRead, read_label, read_number

Value = str | int | float | bool


def as_class(value: object, classes: Sequence[Value]) -> Value | None:
    """Return the class that a label names, in whatever type it came; None when there is no such class.

    A CSV says "1" and "True" where JSON says 1 and true.
    """
    if isinstance(value, str):
        value = value.strip()
    for each in classes:
        if type(each) is type(value) and each == value:
            return each
    text = text_of(value)
    return None if text is None else next((each for each in classes if text_of(each) == text), None)


def as_number(value: object, form: Form = PLAIN) -> float | None:
    """Return the number a label gives, read as ingesting reads the target; None for no finite number."""
    if isinstance(value, bool):
        return None
    try:
        read = read_number(value, form)
        number = math.nan if read is None else float(read)
    except (NotRead, OverflowError):
        return None
    return number if math.isfinite(number) else None


def text_of(value: object) -> str | None:
    """Return a class as canonical text, the same for a CSV's cell and a JSON value; None: it is no class."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        try:
            return read_label(value)
        except NotRead:
            return None
    text = value.strip()
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        number = read_number(text)
    except NotRead:
        return text
    whole = isinstance(number, int) or (isinstance(number, float) and number.is_integer())
    return str(int(number)) if whole and number is not None else text
