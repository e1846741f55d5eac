"""How numbers are written in text: with a decimal point or comma, with marks between thousands, with a unit.

Each way is a pattern that Python's `re` and Arrow (RE2) take alike, so that one value and a whole column are
read by one table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from pipelines.values.form import Form

_EXPONENT = r"([eE][-+]?[0-9]+)?"
_SPACE = " \u00a0\u2009\u202f"
_BETWEEN = _SPACE + "'\u2019"
_HEAD = "[-+]?[1-9][0-9]{0,2}"
POINT = rf"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+){_EXPONENT}"
COMMA = rf"[-+]?([0-9]+,[0-9]*|,[0-9]+){_EXPONENT}"
DIGITS = r"[-+]?[0-9]+"
INFINITE = r"[-+]?(?i:inf|infinity)"
CODE = r"[-+]?0[0-9].*"
"""00123: a code, not a number."""
UNITS = "%$€£¥₹₩₽"
MINUS = "\u2212"
BY_COMMA = rf"{_HEAD}(,[0-9]{{2,3}})*,[0-9]{{3}}(\.[0-9]*)?"  # India writes 12,34,567
BY_POINT = rf"{_HEAD}(\.[0-9]{{3}})+(,[0-9]*)?"
_BY_SPACE = rf"{_HEAD}([{_BETWEEN}][0-9]{{3}})+(\.[0-9]*)?"
_BY_SPACE_COMMA = rf"{_HEAD}([{_BETWEEN}][0-9]{{3}})+,[0-9]*"
EITHER_COMMA = rf"{_HEAD},[0-9]{{3}}"
"""1,096 is a thousand, or one and a little."""
EITHER_POINT = rf"{_HEAD}\.[0-9]{{3}}"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to write a number: its pattern, the marks to leave out, whether its decimal mark is a comma.

    What matches a way that is `refused` could be read in two ways.
    """

    pattern: str
    marks: str = ""
    comma: bool = False
    refused: bool = False


_POINT, _COMMA = Way(POINT), Way(COMMA, comma=True)
_COMMAS, _POINTS = Way(BY_COMMA, ","), Way(BY_POINT, ".", comma=True)
_SPACES = (Way(_BY_SPACE, _BETWEEN), Way(_BY_SPACE_COMMA, _BETWEEN, comma=True))


@cache
def ways(decimal: str, grouped: bool) -> tuple[Way, ...]:
    """Return the ways that are tried, in their order; the first that fits is taken."""
    if decimal == ".":
        either = () if grouped else (Way(EITHER_COMMA, refused=True),)
        return (_POINT, *either, _COMMAS, _COMMA, _POINTS, *_SPACES)
    either = () if grouped else (Way(EITHER_POINT, refused=True),)
    return (Way(DIGITS), _COMMA, *either, _POINTS, _POINT, _COMMAS, *_SPACES)


@cache
def unit_patterns(unit: str) -> tuple[tuple[str, str], ...]:
    """Return patterns and what they are replaced by, to take a unit away from before or behind a number."""
    sign, space = re.escape(unit), f"[{_SPACE}]*"
    behind = (rf"{space}{sign}$", "")
    return (behind,) if unit == "%" else ((rf"^([-+]?){space}{sign}{space}", r"\1"), behind)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def plain_number(text: str, form: Form) -> str | None:
    """Write a trimmed text's number as Python does: "1.234,5" as "1234.5"; None when it is no number."""
    if MINUS in text:
        text = text.replace(MINUS, "-")
    if form.unit is not None:
        for pattern, instead in unit_patterns(form.unit):
            text = _compiled(pattern).sub(instead, text, count=1)
    for way in ways(form.decimal, form.grouped):
        if _compiled(way.pattern).fullmatch(text):
            return None if way.refused else _plain(text, way)
    return text if _compiled(INFINITE).fullmatch(text) else None


def _plain(text: str, way: Way) -> str:
    for mark in way.marks:
        text = text.replace(mark, "")
    return text.replace(",", ".") if way.comma else text
