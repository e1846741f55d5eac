"""Infers each column's type from a sample of the first file's rows, where the spec does not give it.

A type is taken when all but a few of a column's sampled values are of it, at most 5 % and at most as many as
the spec tolerates: some bad cells in a column of numbers do not make it a column of words. All rows are then
checked against what was taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from functions.ingest_data.parse_values import INTEGER, NUMBER, parse_values, to_mask, trimmed
from functions.ingest_data.refusal import FileRefused, readable, refuse
from functions.ingest_data.schema import NUMERIC, Column
from pipelines.spec import Kind, ModelSpec

_CODE = r"^[-+]?0[0-9]"  # 00123: a code, not a number
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
)
# "yes" and "no" stay words, so a model that learnt them answers with them.
_BOOLEAN = pa.array(["true", "false"])
_UNIX_RANGE = (631_152_000, 4_102_444_800)  # 1990 to 2100, in seconds
_PROSE_WORDS = 4
_MOST_BAD = 0.05


def infer_types(sample: Mapping[str, pa.Array], spec: ModelSpec) -> tuple[Column, ...]:
    """Return the kind, and a datetime's format, of each column of a sample.

    Raises:
        FileRefused: the timestamp column's values are no dates, or could be read in two ways.
    """
    columns = []
    for name, array in sample.items():
        with readable(f"column {name}"):
            columns.append(_infer_one(name, array, spec))
    return tuple(columns)


def _infer_one(name: str, array: pa.Array, spec: ModelSpec) -> Column:
    rule = spec.schema_.get(name)
    tolerated = min(spec.ingest.tolerated_bad_rows, _MOST_BAD)
    if rule is not None and rule.kind is not None:
        format_ = rule.format
        if rule.kind is Kind.DATETIME and format_ is None:
            format_ = _date_format(name, array, tolerated)
        return Column(name, rule.kind, format=format_)
    if name == spec.timestamp:
        return Column(name, Kind.DATETIME, format=_date_format(name, array, tolerated, required=True))
    found = (
        _from_text(name, array, tolerated) if pa.types.is_string(array.type) else _from_type(name, array.type)
    )
    if rule is not None and rule.bounded and found.kind not in NUMERIC:
        return Column(name, Kind.NUMBER)  # bounds are of numbers, so what is none is a bad cell
    return found


def _from_type(name: str, type_: pa.DataType) -> Column:
    if pa.types.is_boolean(type_):
        return Column(name, Kind.BOOLEAN)
    if pa.types.is_integer(type_):
        return Column(name, Kind.INTEGER)
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return Column(name, Kind.NUMBER)
    is_time = pa.types.is_date(type_) or pa.types.is_timestamp(type_)
    return Column(name, Kind.DATETIME if is_time else Kind.CATEGORY)


def _from_text(name: str, array: pa.Array, tolerated: float) -> Column:
    text = trimmed(array).drop_null()
    if not len(text):
        return Column(name, Kind.CATEGORY)
    numbers = pc.match_substring_regex(text, NUMBER)
    if _share(numbers) >= 1 - tolerated and not pc.any(pc.match_substring_regex(text, _CODE)).as_py():
        decimals = pc.and_(numbers, pc.invert(pc.match_substring_regex(text, INTEGER)))
        return Column(name, Kind.NUMBER if pc.any(decimals).as_py() else Kind.INTEGER)
    if _share(pc.is_in(pc.utf8_lower(text), value_set=_BOOLEAN)) >= 1 - tolerated:
        return Column(name, Kind.BOOLEAN)
    fits, format_ = _dates(text, tolerated)
    if fits and len(format_) <= 1:
        return Column(name, Kind.DATETIME, format=format_[0] if format_ else None)
    return Column(name, Kind.TEXT if _is_prose(text) else Kind.CATEGORY)


def _date_format(name: str, array: pa.Array, tolerated: float, *, required: bool = False) -> str | None:
    if not pa.types.is_string(array.type):
        return _unix_format(array) if _is_numeric(array.type) else None
    text = trimmed(array).drop_null()
    fits, formats = _dates(text, tolerated)
    if fits and len(formats) <= 1:
        return formats[0] if formats else None
    if fits:
        raise refuse(
            "the timestamp can be read in two ways",
            f"column {name}",
            f"values such as {text[0].as_py()!r} fit {' and '.join(formats)}",
            f'say which in model.yaml: schema: {{{name}: {{type: datetime, format: "{formats[0]}"}}}}',
        )
    numbers = pc.match_substring_regex(text, NUMBER)
    unix = _unix_format(text.filter(numbers).cast(pa.float64())) if _share(numbers) >= 1 - tolerated else None
    if unix is None and required and len(text):
        raise _no_timestamp(name, text[0].as_py())
    return unix


def _no_timestamp(name: str, example: str) -> FileRefused:
    return refuse(
        "the timestamp column holds no dates",
        f"column {name}",
        f"got values such as {example!r}",
        "write ISO 8601 (2026-01-31T12:00:00Z), or give the format in model.yaml under schema",
    )


def _dates(text: pa.Array, tolerated: float) -> tuple[bool, list[str]]:
    """Say whether the texts are dates, and by which formats: none is ISO 8601, two is ambiguous."""
    if not len(text):
        return False, []
    _, bad = parse_values(text, Column("", Kind.DATETIME))
    if bad.mean() <= tolerated:
        return True, []
    shares = {name: _strptime_share(text, name) for name in _DATE_FORMATS}
    best = max(shares.values())
    fitting = [name for name, share in shares.items() if share == best]
    return best >= 1 - tolerated, fitting


def _strptime_share(text: pa.Array, format_: str) -> float:
    return _share(pc.strptime(text, format=format_, unit="us", error_is_null=True).is_valid())


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


def _is_prose(text: pa.Array) -> bool:
    words = pc.mean(pc.add(pc.count_substring_regex(text, r"\s+"), 1)).as_py()
    distinct = pc.count_distinct(text).as_py() / len(text)
    return bool(words >= _PROSE_WORDS or (words >= 2 and distinct > 0.5))


def widened(columns: Sequence[Column], names: Collection[str]) -> tuple[Column, ...]:
    """Turn integer columns into number columns: decimals came after the sample."""
    return tuple(
        Column(column.name, Kind.NUMBER, format=column.format) if column.name in names else column
        for column in columns
    )
