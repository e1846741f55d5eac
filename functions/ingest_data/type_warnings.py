"""The warnings about columns whose kind or numbers are a guess, with what to write in model.yaml instead."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eventing.catalogue import DataWarning
from functions.data_files.refusal import clip
from functions.ingest_data import lookalikes
from functions.ingest_data.date_formats import short_years
from functions.ingest_data.find_forms import FoundForm
from pipelines.spec.reference import yaml_of
from pipelines.values.missing import is_doubtful

_HALF, _MOST = 0.5, 0.95
_CLASSES = 20


def of_numbers(name: str, found_form: FoundForm, count: int) -> list[DataWarning]:
    """Warn of numbers that are written otherwise than with a decimal point."""
    form, found = found_form.form, []
    if found_form.either and not found_form.by_column:
        read = "1.250 is 1250, 1,096 is 1.096" if form.decimal == "," else "1.250 is 1.25, 1,096 is 1096"
        other = "." if form.decimal == "," else ","
        found.append(
            _warning(
                name,
                found_form.either,
                f"{found_form.either} of {count} numbers could be read in two ways; they are read with a "
                f"decimal {_mark(form.decimal)}, by what else is in the file: {read}",
                _line(name, f'type: number, decimal: "{other}"') + f" if it is a decimal {_mark(other)}",
            )
        )
    elif form.grouped:
        found.append(
            _warning(
                name,
                count,
                f"numbers are read with a decimal {_mark(form.decimal)} and marks between thousands",
                _line(name, "type: category") + " if they are no numbers",
            )
        )
    if found_form.mixed:
        found.append(
            _warning(
                name,
                found_form.mixed,
                f"{found_form.mixed} of {count} numbers have another decimal mark than the "
                f"{_mark(form.decimal)} of the others; each is read by its own",
                "write one decimal mark in all of the column",
            )
        )
    if form.unit is not None and found_form.with_unit:
        example = "0.5% as 0.5" if form.unit == "%" else f"{form.unit}5 as 5"
        found.append(
            _warning(
                name,
                found_form.with_unit,
                f"{found_form.with_unit} of {count} numbers have a {form.unit}, which is left out: {example}",
                _line(name, "type: category") + " if they are no numbers",
            )
        )
    return found


def is_mixed_percent(found_form: FoundForm, share: float, count: int) -> bool:
    """Say whether some of a column's numbers are percentages and many are not: two scales in one column."""
    return found_form.form.unit == "%" and found_form.with_unit < 0.95 * share * count


def of_large_integers(name: str, count: int) -> DataWarning:
    """Warn of whole numbers that do not fit into 64 bits."""
    return _warning(
        name,
        count,
        "whole numbers beyond 64 bits are kept exactly, as a category",
        _line(name, "type: number") + " if they are measures, whose last digits may be lost",
    )


def of_lost_digits(name: str, lost: int, count: int) -> DataWarning:
    """Warn of numbers with more digits than a float has."""
    return _warning(
        name,
        lost,
        f"{lost} of {count} numbers have more digits than a 64-bit float keeps: the last ones are lost",
        _line(name, "type: category") + " if they are names and no measures",
    )


def of_words(
    name: str, text: pa.Array, numbers: pa.Array, codes: int, formats: Sequence[str], found_form: FoundForm
) -> list[DataWarning]:
    """Warn of a column that is kept as words although many of its values are not."""
    count, fitting = len(text), len(numbers) - numbers.null_count
    if formats:
        read = f"dates such as {clip(text[0].as_py(), 40)!r} fit {' and '.join(formats)}: kept as a category"
        return [_warning(name, count, read, _line(name, f'type: datetime, format: "{formats[0]}"'))]
    if fitting < _HALF * count:
        return _of_lookalikes(name, text)
    if codes:
        read = f"{codes} of {count} numbers begin with 0, as codes do: kept as a category"
        return [_warning(name, codes, read, _line(name, "type: number") + " if they are numbers")]
    if found_form.form.unit == "%" and found_form.with_unit < fitting:
        read = f"{found_form.with_unit} of {count} values have a % and others have none: kept as a category"
        return [
            _warning(
                name, fitting, read, "write all with the sign, or none; or " + _line(name, "type: number")
            )
        ]
    odd = pc.value_counts(text.filter(numbers.is_null())).to_pylist()
    odd.sort(key=lambda each: (-each["counts"], each["values"]))
    shown = ", ".join(f"{clip(each['values'], 30)!r} ({each['counts']})" for each in odd[:3])
    more = f" and {len(odd) - 3} others" if len(odd) > 3 else ""
    fix = _line(name, "type: number") + " if the others are bad cells"
    if len(odd) <= 3:
        words = ", ".join(yaml_of(each["values"]) for each in odd)
        fix += f"; `ingest: {{missing: [{words}]}}` if they are missing"
    read = f"{fitting} of {count} values are numbers, but {shown}{more} are not: kept as a category"
    return [_warning(name, fitting, read, fix)]


def _of_lookalikes(name: str, text: pa.Array) -> list[DataWarning]:
    """Warn of words that a person takes for dates or numbers."""
    kept = f"such as {clip(text[0].as_py(), 40)!r}"
    if formats := short_years(text, 1 - _MOST):
        read = f"dates {kept} have years of two digits, whose century is not told: kept as a category"
        others = "".join(f' or "{each}"' for each in formats[1:])
        return [
            _warning(name, len(text), read, _line(name, f'type: datetime, format: "{formats[0]}"') + others)
        ]
    if lookalikes.are_times_of_day(text):
        read, fix = f"times of day {kept} are kept as a category", "write them as numbers, such as minutes"
    elif lookalikes.are_dates(text):
        read = f"values {kept} look like dates that are written in no way that is known: kept as words"
        fix = "write ISO 8601 (2026-01-31), or " + _line(name, 'type: datetime, format: "…"')
    elif lookalikes.are_numbers_with_something_beside(text):
        read = f"values {kept} are numbers with something beside them: kept as a category"
        fix = "write the numbers alone, in one unit, with a minus before those below zero"
    else:
        return []
    return [_warning(name, len(text), read, fix)]


def of_names(name: str, text: pa.Array) -> list[DataWarning]:
    """Warn of categories whose name may mean that the value is missing."""
    unique = pc.value_counts(text.drop_null())
    if len(unique) > 1_000:
        return []
    found = [each for each in unique.to_pylist() if is_doubtful(each["values"])]
    return [
        _warning(
            name,
            each["counts"],
            f"{each['counts']} of {len(text)} values are {each['values']!r}, kept as a category of that name",
            f"`ingest: {{missing: [{yaml_of(each['values'])}]}}` if it means that the value is missing",
        )
        for each in found[:3]
    ]


def of_target(name: str, text: pa.Array) -> list[DataWarning]:
    """Warn of a target with so many different words that they can hardly be classes."""
    present = text.drop_null()
    distinct = int(pc.count_distinct(present).as_py())
    if distinct <= _CLASSES or distinct < len(present) / 10:
        return []
    return [
        _warning(
            name,
            distinct,
            f"the target has {distinct} different texts in {len(present)} rows: classes like that can hardly "
            "be learnt",
            _line(name, "type: number") + " if they are numbers, or another `target`",
        )
    ]


def _mark(decimal: str) -> str:
    return "comma" if decimal == "," else "point"


def _line(name: str, rule: str) -> str:
    return f"`schema: {{{yaml_of(clip(name, 80))}: {{{rule}}}}}`"


def _warning(name: str, count: int, message: str, fix: str) -> DataWarning:
    return DataWarning(column=clip(name, 200), count=count, message=clip(message, 300), fix=clip(fix, 400))
