"""Finds how a file writes its numbers: decimal point or comma, marks between thousands, a unit beside them.

Most values tell by themselves: 88,5 has a decimal comma and 1,096,000 has marks between thousands. What could
be either, such as 1,096, is decided by the column's other values, else by the file's other columns, else by
the file's delimiter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.spec import ModelSpec
from pipelines.values.arrays import to_mask, trimmed
from pipelines.values.form import Form
from pipelines.values.written import BY_COMMA, BY_POINT, COMMA, EITHER_COMMA, EITHER_POINT, POINT, UNITS
from pipelines.values.written_arrays import full, plain_numbers, without_unit

_HEAD = 200


@dataclass(frozen=True)
class FoundForm:
    """A column's form, and what decided it.

    Attributes:
        form: how its numbers are written.
        either: values that could be read in two ways.
        by_column: whether the column's own values decided the decimal mark.
        mixed: values with the other decimal mark than the form's.
        with_unit: values with the form's unit.
    """

    form: Form
    either: int = 0
    by_column: bool = True
    mixed: int = 0
    with_unit: int = 0


@dataclass(frozen=True)
class _Counts:
    """How many of a column's values are numbers of each kind of writing."""

    points: int = 0
    commas: int = 0
    either_point: int = 0
    either_comma: int = 0
    grouped_by_comma: int = 0
    grouped_by_point: int = 0
    decisive: bool = False


def find_forms(
    sample: Mapping[str, pa.Array], spec: ModelSpec, decimal: str, kept: Mapping[str, Form] | None = None
) -> dict[str, FoundForm]:
    """Find the form of each column of text.

    Args:
        sample: some of the file's first rows, by column.
        spec: what it says of a column goes before what is found.
        decimal: the decimal mark that the file's delimiter suggests.
        kept: the forms of a dataset that the file adds to; the unit and what nothing decides are theirs.
    """
    texts = {name: trimmed(array, _base(spec)) for name, array in sample.items() if _is_text(array)}
    units = {name: _unit(text, None if kept is None else kept.get(name)) for name, text in texts.items()}
    bare = {name: without_unit(text, units[name][0]) for name, text in texts.items()}
    numeric = {name for name, text in bare.items() if _is_numeric(text)}
    commas_kept = kept is not None and any(form.decimal == "," for form in kept.values())
    marked = decimal == "," or commas_kept or any(_is_marked(bare[name]) for name in numeric)
    counts = {name: _count(text) if marked and name in numeric else _Counts() for name, text in bare.items()}
    of_file = _of_file(counts)
    return {
        name: _find(
            counts[name],
            units[name],
            _base(spec) if kept is None else kept.get(name, _base(spec)),
            declared=spec.schema_[name].decimal if name in spec.schema_ else None,
            otherwise=of_file or (_suggested(counts[name], decimal) if kept is None else None),
        )
        for name in texts
    }


def _suggested(counts: _Counts, decimal: str) -> str:
    """Return the decimal mark where no value decides it: a point if every value can have one."""
    return "." if counts.either_point and not counts.either_comma else decimal


def _base(spec: ModelSpec) -> Form:
    return Form(missing=spec.ingest.missing)


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type))


def _is_numeric(text: pa.Array) -> bool:
    head = text.drop_null().slice(0, _HEAD)
    return bool(len(head)) and _sum(plain_numbers(head, Form(grouped=True)).is_valid()) >= len(head) / 2


def _is_marked(text: pa.Array) -> bool:
    """Say whether any value has a decimal comma or marks between thousands: 1,096 or 1.096.000."""
    return bool(pc.any(pc.match_substring_regex(text, r",|\..*\.")).as_py())


def _unit(text: pa.Array, kept: Form | None) -> tuple[str | None, int]:
    """Return the sign beside most of a column's numbers, such as %, and how many numbers have it."""
    if kept is not None:
        return kept.unit, 0
    if not pc.any(pc.match_substring_regex(text, f"[{UNITS}]")).as_py():
        return None, 0
    found = {sign: int(to_mask(pc.match_substring(text, sign)).sum()) for sign in UNITS}
    sign = max(UNITS, key=lambda each: found[each])
    form = Form(grouped=True, unit=sign)
    beside = pc.and_(pc.match_substring(text, sign), plain_numbers(text, form).is_valid())
    count = int(to_mask(beside).sum())
    return (sign, count) if count else (None, 0)


def _count(text: pa.Array) -> _Counts:
    point, comma = full(text, POINT), full(text, COMMA)
    by_point, by_comma = full(text, BY_POINT), full(text, BY_COMMA)
    either_point, either_comma = full(text, EITHER_POINT), full(text, EITHER_COMMA)
    has_point = pc.match_substring(text, ".")
    many_commas = pc.and_(by_comma, pc.invert(comma))
    many_points = pc.and_(by_point, pc.invert(point))
    points = pc.or_(pc.and_(pc.and_(point, has_point), pc.invert(either_point)), many_commas)
    commas = pc.or_(pc.and_(comma, pc.invert(either_comma)), many_points)
    numbers = pc.or_(pc.or_(point, comma), pc.or_(by_point, by_comma))
    present = len(text) - text.null_count
    return _Counts(
        _sum(points),
        _sum(commas),
        _sum(either_point),
        _sum(either_comma),
        _sum(many_commas),
        _sum(many_points),
        decisive=bool(present) and _sum(numbers) >= 0.95 * present,
    )


def _sum(mask: pa.Array) -> int:
    return int(to_mask(mask).sum())


def _of_file(counts: Mapping[str, _Counts]) -> str | None:
    numeric = [each for each in counts.values() if each.decisive]
    commas = sum(each.commas > each.points for each in numeric)
    points = sum(each.points > each.commas for each in numeric)
    if commas == points:
        return None
    return "," if commas > points else "."


def _find(
    counts: _Counts,
    unit: tuple[str | None, int],
    before: Form,
    *,
    declared: str | None,
    otherwise: str | None,
) -> FoundForm:
    decided = counts.points != counts.commas
    found = "," if counts.commas > counts.points else "."
    decimal = declared or (found if decided else otherwise or before.decimal)
    comma = decimal == ","
    either, many = (
        (counts.either_point, counts.grouped_by_point)
        if comma
        else (counts.either_comma, counts.grouped_by_comma)
    )
    form = replace(
        before,
        decimal=decimal,
        grouped=before.grouped or declared is not None or bool(many or (either and (decided or otherwise))),
        unit=unit[0],
    )
    return FoundForm(
        form,
        either=counts.either_comma + counts.either_point,
        by_column=decided or declared is not None,
        mixed=counts.points if comma else counts.commas,
        with_unit=unit[1],
    )
