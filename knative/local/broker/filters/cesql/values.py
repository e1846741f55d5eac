"""The types of CESQL, their casts, and what can go wrong. CESQL 1.0, sections 3.1, 3.3 and 3.7."""

from __future__ import annotations

import re
from typing import Literal

Value = bool | int | str
Type = Literal["boolean", "integer", "string"]
Kind = Literal["parse", "math", "cast", "missingAttribute", "missingFunction", "functionEvaluation"]

SMALLEST, LARGEST = -(2**31), 2**31 - 1
_INTEGER = re.compile(r"[+-]?[0-9]+")
_BOOLEANS = {"true": True, "false": False}


class CesqlError(Exception):
    """An expression cannot be parsed or has no value for an event; `kind` is the specification's word."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def type_of(value: Value) -> Type:
    """Return the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "string"


def to_boolean(value: Value) -> bool:
    """Cast to Boolean. Raises CesqlError (cast): a string other than true or false in any case."""
    if isinstance(value, int):
        return bool(value)
    try:
        return _BOOLEANS[value.lower()]
    except KeyError as error:
        raise CesqlError("cast", f"{value!r} is no boolean") from error


def to_integer(value: Value) -> int:
    """Cast to Integer. Raises CesqlError (cast): a string that is no 32-bit integer."""
    if isinstance(value, int):
        return int(value)
    # The length is looked at first: Python refuses to convert thousands of digits.
    if len(value) <= 64 and _INTEGER.fullmatch(value) and SMALLEST <= int(value) <= LARGEST:
        return int(value)
    raise CesqlError("cast", f"{value[:64]!r} is no 32-bit integer")


def to_string(value: Value) -> str:
    """Cast to String."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def cast(value: Value, target: Type) -> Value:
    """Cast to the target type. Raises CesqlError (cast)."""
    if target == "boolean":
        return to_boolean(value)
    return to_integer(value) if target == "integer" else to_string(value)


def in_range(value: int) -> int:
    """Return an integer that fits. Raises CesqlError (math): it does not."""
    if SMALLEST <= value <= LARGEST:
        return value
    raise CesqlError("math", f"{value} does not fit into 32 bits")
