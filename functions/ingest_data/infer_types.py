"""Infers each column's type from a sample of the first file's rows, where the spec does not give it.

A type is taken when all but a few of a column's sampled values are of it, at most 5 % and at most as many as
the spec tolerates: some bad cells in a column of numbers do not make it a column of words. All rows are then
checked against what was taken. Where a type is a guess, a warning says so and how model.yaml decides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from eventing.catalogue import DataWarning
from functions.data_files.refusal import readable
from functions.ingest_data import type_warnings
from functions.ingest_data.date_formats import date_format, dates
from functions.ingest_data.find_forms import FoundForm, find_forms
from functions.ingest_data.schema import NUMERIC, Column
from pipelines.spec import Kind, ModelSpec
from pipelines.values.arrays import to_mask, trimmed
from pipelines.values.form import Form
from pipelines.values.written import CODE, DIGITS, POINT
from pipelines.values.written_arrays import full, plain_numbers

# "yes" and "no" stay words, so a model that learnt them answers with them.
_BOOLEAN = pa.array(["true", "false"])
_BOOLEAN_OR_BIT = pa.array(["true", "false", "1", "0"])
_PROSE_WORDS = 4
_MOST_BAD = 0.05
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Inferred:
    """The columns with their kinds and forms, and warnings of those that are guesses."""

    columns: tuple[Column, ...]
    warnings: tuple[DataWarning, ...] = ()


@dataclass
class _Context:
    """What a column's type is inferred from."""

    spec: ModelSpec
    forms: Mapping[str, FoundForm]
    tolerated: float
    warnings: list[DataWarning] = field(default_factory=list)

    def form(self, name: str) -> Form:
        found = self.forms.get(name)
        return Form(missing=self.spec.ingest.missing) if found is None else found.form


def infer_types(sample: Mapping[str, pa.Array], spec: ModelSpec, decimal: str = ".") -> Inferred:
    """Return the kind and form of each column of a sample.

    Args:
        sample: some of the first rows, by column.
        spec: what it says is taken.
        decimal: the decimal mark that the file's delimiter suggests.

    Raises:
        FileRefused: the timestamp column's values are no dates, or could be read in two ways.
    """
    tolerated = min(spec.ingest.tolerated_bad_rows, _MOST_BAD)
    with readable("the numbers"):
        context = _Context(spec, find_forms(sample, spec, decimal), tolerated)
    columns = []
    for name, array in sample.items():
        with readable(f"column {name}"):
            columns.append(_infer_one(name, array, context))
    return Inferred(tuple(columns), tuple(context.warnings))


def _infer_one(name: str, array: pa.Array, context: _Context) -> Column:
    rule, form = context.spec.schema_.get(name), context.form(name)
    if rule is not None and rule.kind is not None:
        if rule.kind is Kind.DATETIME:
            format_ = rule.format or date_format(name, array, form, context.tolerated)
            return Column(name, rule.kind, form=replace(form, format=format_))
        if rule.kind in NUMERIC and rule.decimal is None and name in context.forms:
            context.warnings += type_warnings.of_numbers(name, context.forms[name], len(array))
        return Column(name, rule.kind, form=_form_of(rule.kind, form))
    if name == context.spec.timestamp:
        format_ = date_format(name, array, form, context.tolerated, required=True)
        return Column(name, Kind.DATETIME, form=replace(form, format=format_))
    is_text = pa.types.is_string(array.type)
    found = _from_text(name, array, context) if is_text else _from_type(name, array, context)
    if rule is not None and rule.bounded and found.kind not in NUMERIC:
        return Column(
            name, Kind.NUMBER, form=form
        )  # it has bounds, so its values are numbers, and anything else is a bad cell
    if name == context.spec.target and is_text and found.kind in (Kind.CATEGORY, Kind.TEXT):
        context.warnings += type_warnings.of_target(name, trimmed(array, form, found.kind))
    if name == context.spec.entity and found.kind is Kind.NUMBER:
        return _as_key(name, array, context)
    return replace(found, form=_form_of(found.kind, found.form))


def _form_of(kind: Kind, form: Form) -> Form:
    """Return the form without what does not apply to values of this kind."""
    if kind in NUMERIC or form.format is not None:
        return form
    return Form(missing=form.missing)


def _from_type(name: str, array: pa.Array, context: _Context) -> Column:
    type_ = array.type
    form = context.form(name)
    if pa.types.is_boolean(type_):
        return Column(name, Kind.BOOLEAN, form=form)
    if pa.types.is_uint64(type_) and _overflows(array, context.tolerated):
        context.warnings.append(type_warnings.of_large_integers(name, len(array)))
        return Column(name, Kind.CATEGORY, form=form)
    if pa.types.is_integer(type_):
        return Column(name, Kind.INTEGER, form=form)
    if pa.types.is_decimal(type_):
        return _from_decimal(name, array, context)
    if pa.types.is_floating(type_):
        present = array.drop_null().cast(pa.float64())
        present = present.filter(pc.is_finite(present))
        long = int(to_mask(pc.greater_equal(pc.abs(present), float(_LARGEST))).sum())
        if long and pc.all(pc.equal(present, pc.floor(present))).as_py():  # JSON's, read as floats
            context.warnings.append(type_warnings.of_lost_digits(name, long, len(present)))
        return Column(name, Kind.NUMBER, form=form)
    is_time = pa.types.is_date(type_) or pa.types.is_timestamp(type_)
    return Column(name, Kind.DATETIME if is_time else Kind.CATEGORY, form=form)


def _overflows(whole: pa.Array, tolerated: float) -> bool:
    present = whole.drop_null()
    return bool(len(present)) and _share(pc.greater(present, pa.scalar(_LARGEST, present.type))) > tolerated


def _from_decimal(name: str, array: pa.Array, context: _Context) -> Column:
    """Read exact decimals as whole numbers where they are, as numbers where a float has their digits."""
    form = context.form(name)
    present = array.drop_null().cast(pa.string())
    whole = full(present, r"[-+]?[0-9]+(\.0*)?")
    if len(present) and pc.all(whole).as_py():
        return _of_whole(name, pc.replace_substring_regex(present, r"\..*", ""), form, context)
    lost = sum(repr(float(text)).lower() != _shortest(text) for text in present.slice(0, 1_000).to_pylist())
    if lost:
        context.warnings.append(type_warnings.of_lost_digits(name, lost, min(len(present), 1_000)))
    return Column(name, Kind.NUMBER, form=form)


def _shortest(text: str) -> str:
    """Write a decimal as the shortest float of its digits would be."""
    digits = text.replace(".", "").lstrip("-+0").rstrip("0")
    return repr(float(text)).lower() if len(digits) <= 15 else ""


def _of_whole(name: str, digits: pa.Array, form: Form, context: _Context) -> Column:
    """Tell whole numbers that 64 bits hold, which are exact, from longer ones, which stay text."""
    long = digits.filter(pc.greater(pc.utf8_length(digits), 18))
    beyond = sum(not -(2**63) <= int(text) <= _LARGEST for text in long.to_pylist())
    exact = context.tolerated if name != context.spec.entity else 0.0
    if beyond > exact * len(digits):
        context.warnings.append(type_warnings.of_large_integers(name, len(digits)))
        return Column(name, Kind.CATEGORY, form=form)
    return Column(name, Kind.INTEGER, form=form)


def _as_key(name: str, array: pa.Array, context: _Context) -> Column:
    """Read an entity exactly: 12.0 is 12, and a number with decimals stays text."""
    form = context.form(name)
    if pa.types.is_string(array.type):
        texts = plain_numbers(trimmed(array, form).drop_null(), form).drop_null()
    else:
        texts = array.drop_null().cast(pa.string())
    whole = pc.all(full(texts, r"[-+]?[0-9]{1,15}(\.0*)?")).as_py()
    return Column(name, Kind.INTEGER if whole else Kind.CATEGORY, form=form)


def _from_text(name: str, array: pa.Array, context: _Context) -> Column:
    form, tolerated = context.form(name), context.tolerated
    text = trimmed(array, form).drop_null()
    if not len(text):
        return Column(name, Kind.CATEGORY, form=form)
    plain = form.decimal == "." and form.unit is None and pc.all(full(text, POINT)).as_py()
    numbers = text if plain else plain_numbers(text, form)
    share = _share(numbers.is_valid())
    codes = to_mask(full(text, CODE))
    if (
        share >= 1 - tolerated
        and not codes.any()
        and not type_warnings.is_mixed_percent(context.forms[name], share, len(text))
    ):
        context.warnings += type_warnings.of_numbers(name, context.forms[name], len(text))
        return _of_numbers(name, numbers.drop_null(), form, context)
    words = pc.utf8_lower(text)
    if _share(pc.is_in(words, value_set=_BOOLEAN)) >= 1 - tolerated or _is_mixed_boolean(words):
        return Column(name, Kind.BOOLEAN, form=form)
    fits, formats = dates(text, tolerated)
    if fits and len(formats) <= 1:
        return Column(name, Kind.DATETIME, form=replace(form, format=formats[0] if formats else None))
    kind = Kind.TEXT if _is_prose(text) else Kind.CATEGORY
    context.warnings += type_warnings.of_words(
        name, text, numbers, int(codes.sum()), formats if fits else (), context.forms[name]
    )
    context.warnings += (
        type_warnings.of_names(name, trimmed(array, form, kind)) if form.missing is None else []
    )
    return Column(name, kind, form=form)


def _is_mixed_boolean(words: pa.Array) -> bool:
    """Say whether all are true, false, 1 or 0, as where two programs wrote one file."""
    return bool(pc.all(pc.is_in(words, value_set=_BOOLEAN_OR_BIT)).as_py())


def _of_numbers(name: str, numbers: pa.Array, form: Form, context: _Context) -> Column:
    digits = full(numbers, DIGITS)
    if pc.all(digits).as_py():
        return _of_whole(name, numbers, form, context)
    long = numbers.filter(pc.and_(digits, pc.greater(pc.utf8_length(numbers), 15)))
    lost = sum(abs(int(text)) > 2**53 for text in long.to_pylist())
    if lost:
        context.warnings.append(type_warnings.of_lost_digits(name, lost, len(numbers)))
    return Column(name, Kind.NUMBER, form=form)


def _share(fits: pa.Array) -> float:
    return float(to_mask(fits).mean()) if len(fits) else 0.0


def _is_prose(text: pa.Array) -> bool:
    words = pc.mean(pc.add(pc.count_substring_regex(text, r"\s+"), 1)).as_py()
    distinct = pc.count_distinct(text).as_py() / len(text)
    return bool(words >= _PROSE_WORDS or (words >= 2 and distinct > 0.5))
