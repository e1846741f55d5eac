"""The built-in functions of CESQL. CESQL 1.0, section 3.5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.broker.filters.cesql.values import (
    LARGEST,
    SMALLEST,
    CesqlError,
    Type,
    Value,
    to_boolean,
    to_integer,
)


@dataclass(frozen=True)
class Function:
    """A function: the types of its arguments, of what it returns, and of any further arguments."""

    call: Callable[..., Value]
    arguments: tuple[Type | None, ...]
    returns: Type
    further: Type | None = None


def find_function(name: str, count: int) -> Function:
    """Return the function of this name, in any case, that takes `count` arguments.

    Raises:
        CesqlError: (missingFunction) there is none.
    """
    for function in FUNCTIONS.get(name.upper(), ()):
        fixed = len(function.arguments)
        if count == fixed or (function.further is not None and count > fixed):
            return function
    raise CesqlError("missingFunction", f"there is no function {name.upper()} with {count} argument(s)")


def _left(text: str, count: int) -> str:
    return text[: _not_negative(count)]


def _right(text: str, count: int) -> str:
    return text[max(0, len(text) - _not_negative(count)) :]


def _substring(text: str, position: int, length: int = LARGEST) -> str:
    _not_negative(length)
    if not -len(text) <= position <= len(text):
        raise CesqlError("functionEvaluation", f"position {position} is outside of {text!r}")
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


def _not_negative(count: int) -> int:
    if count < 0:
        raise CesqlError("functionEvaluation", f"{count} is negative")
    return count


def _absolute(number: int) -> int:
    if number == SMALLEST:
        raise CesqlError("math", f"{-number} does not fit into 32 bits")
    return abs(number)


def _is(convert: Callable[[Any], object]) -> Callable[[Value], bool]:
    def castable(value: Value) -> bool:
        try:
            convert(value)
        except CesqlError:
            return False
        return True

    return castable


def _text(call: Callable[[str], Value], returns: Type = "string") -> tuple[Function, ...]:
    return (Function(call, ("string",), returns),)


FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    "LENGTH": _text(len, "integer"),
    "LOWER": _text(str.lower),
    "UPPER": _text(str.upper),
    "TRIM": _text(lambda text: text.strip()),
    "CONCAT": (Function(lambda *texts: "".join(texts), (), "string", "string"),),
    "CONCAT_WS": (Function(lambda mark, *texts: mark.join(texts), ("string",), "string", "string"),),
    "LEFT": (Function(_left, ("string", "integer"), "string"),),
    "RIGHT": (Function(_right, ("string", "integer"), "string"),),
    "SUBSTRING": (
        Function(_substring, ("string", "integer"), "string"),
        Function(_substring, ("string", "integer", "integer"), "string"),
    ),
    "ABS": (Function(_absolute, ("integer",), "integer"),),
    "INT": (Function(lambda number: number, ("integer",), "integer"),),
    "BOOL": (Function(lambda truth: truth, ("boolean",), "boolean"),),
    "STRING": _text(lambda text: text),
    "IS_INT": (Function(_is(to_integer), (None,), "boolean"),),
    "IS_BOOL": (Function(_is(to_boolean), (None,), "boolean"),),
}
