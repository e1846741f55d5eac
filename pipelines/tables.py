"""Arrow tables as training sees them: canonical columns, and how they meet an encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import label_of
from pipelines.encoding.columns import CentredNumber, Matrix
from pipelines.encoding.fitting import Codes
from pipelines.encoding.times import to_seconds
from pipelines.errors import StepError
from pipelines.values.arrays import ARROW_TYPES, trimmed
from pipelines.values.form import PLAIN, Form
from pipelines.values.missing import LABELS

Kind = Literal["number", "integer", "boolean", "category", "text", "datetime"]


@dataclass(frozen=True)
class Factors:
    """A column as its distinct labels (None for missing) and, per row, the index of its label."""

    labels: list[str | None]
    codes: Codes


def canonical(column: pa.ChunkedArray, kind: Kind, name: str, form: Form = PLAIN) -> pa.ChunkedArray:
    """Cast a column to the one Arrow type of its kind; texts are read as a file's are.

    Raises: StepError when its values do not fit the kind.
    """
    wanted = ARROW_TYPES[kind]
    if column.type == wanted:
        if kind in LABELS:  # parts of earlier releases have spaces around them
            return pa.chunked_array([trimmed(chunk, form, kind) for chunk in column.chunks], wanted)
        return column
    try:
        if kind in ("category", "text"):
            return _as_text(column)
        if kind == "datetime":
            return _as_time(column)
        return column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise StepError(
            f"column '{name}' holds values that are no {kind}: {error}",
            f"correct the file, or set schema.{name}.type in model.yaml",
        ) from error


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    found = factorise(column)
    return pa.chunked_array([pa.array(found.labels, pa.string()).take(pa.array(found.codes))])


def _as_time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = ARROW_TYPES["datetime"]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        local = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)))
        return local.cast(wanted) if local.type.tz else pc.assume_timezone(local, "UTC")
    seconds = to_seconds(column.to_pylist())
    whole = np.where(np.isnan(seconds), 0, seconds * 1e6).astype(np.int64)
    return pa.chunked_array([pa.array(whole, mask=np.isnan(seconds)).cast(pa.timestamp("us")).cast(wanted)])


def factorise(column: pa.ChunkedArray) -> Factors:
    """Split a column into its distinct canonical labels and their index per row."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):  # more than 2 GiB of text stays in chunks
        whole = pa.concat_arrays(whole.cast(pa.large_string()).chunks)
    if not pa.types.is_dictionary(whole.type):
        whole = pc.dictionary_encode(whole, null_encoding="encode")
    labels = [label_of(row, value) for row, value in enumerate(whole.dictionary.to_pylist())]
    codes = whole.indices
    if codes.null_count:
        labels.append(None)
        codes = pc.fill_null(codes.cast(pa.int64()), len(labels) - 1)
    merged: dict[str | None, int] = {}
    position = np.array([merged.setdefault(label, len(merged)) for label in labels], dtype=np.int64)
    return Factors(list(merged), position[codes.to_numpy(zero_copy_only=False).astype(np.int64)])


def numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a number, integer or boolean column as float64; missing is NaN."""
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def known_numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column's known numbers, whole ones as int64: beyond 2^53 float64 rounds."""
    known = column.drop_null()
    return np.asarray(known.to_numpy()) if known.type == pa.int64() else numbers(known)


def times(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a datetime column as datetime64[us] in UTC; missing is NaT."""
    return np.asarray(column.cast(pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")


def encode_feature(feature: Feature, column: pa.ChunkedArray) -> Matrix:
    """Encode one column [N] to its block [N, width], doing the work once per distinct text."""
    if feature.kind in ("category", "text"):
        found = factorise(column)
        return feature.encoder.encode(found.labels)[found.codes]
    if feature.kind == "datetime":
        return feature.encoder.encode(times(column))
    if isinstance(feature.encoder, CentredNumber) and column.type == pa.int64():
        block = np.full((len(column), 1), np.nan, dtype=np.float32)
        block[np.asarray(column.is_valid().to_numpy())] = feature.encoder.encode(known_numbers(column))
        return block
    values = numbers(column)
    if np.isinf(values).any():  # of a part from before they were refused
        values = np.where(np.isinf(values), np.nan, values)
    return feature.encoder.encode(values)


def encode_table(encoding: Encoding, table: pa.Table) -> Matrix:
    """Encode a table that has every feature that is used, in canonical columns, to float32 [N, width]."""
    matrix = np.empty((table.num_rows, encoding.width), dtype=np.float32)
    write_blocks(encoding.features, table, matrix)
    return matrix


def write_blocks(features: Sequence[Feature], table: pa.Table, matrix: Matrix) -> None:
    """Fill the matrix [N, width] feature by feature, so that only one block is in memory beside it."""
    start = 0
    for feature in features:
        if not feature.used:
            continue
        end = start + feature.encoder.width
        matrix[:, start:end] = encode_feature(feature, table.column(feature.name))
        start = end
