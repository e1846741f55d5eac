"""Feeds a model that was made elsewhere: with an input per feature, or one tensor with a column for each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.adoption.graph import Addition, Mismatch, Tensor
from pipelines.encoding import Feature
from pipelines.encoding.categories import Ordinal
from pipelines.encoding.columns import Boolean, CentredNumber, Encoder, Number
from pipelines.encoding.fitting import fit_number
from pipelines.encoding.scales import AS_IS
from pipelines.model_file import INPUT
from pipelines.values.form import PLAIN, Form

FLOATS = ("float", "double")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
UNSEEN = "\N{REPLACEMENT CHARACTER}"
"""The text that a model is given for a category that nobody has seen."""

_TAKEN_AS = {
    "number": FLOATS,
    "integer": (*FLOATS, *WHOLE),
    "boolean": (*FLOATS, *WHOLE, "bool"),
    "category": ("string",),
}


@dataclass(frozen=True)
class Column:
    """A feature as the data has it.

    Attributes:
        numbers: its known values, of a number or integer.
        labels: its distinct values, of a category.
        missing: whether some rows have no value.
    """

    name: str
    kind: str
    form: Form = PLAIN
    numbers: NDArray[Any] | None = None
    labels: tuple[str, ...] = ()
    missing: bool = False


def feed(
    inputs: Sequence[Tensor],
    columns: Sequence[Column],
    order: Sequence[str] | None,
    known: Sequence[str],
    addition: Addition,
) -> list[Feature]:
    """Add what makes a model's inputs out of the one matrix; return the features, as the model orders them.

    The matrix has a column for each of them, in the order of the data.

    Args:
        columns: all features, in the order of the data.
        order: the columns of its one tensor, where they are others.
        known: texts that the model itself knows.

    Raises: Mismatch.
    """
    by_name = {column.name: column for column in columns}
    for each in inputs:
        _check_rows(each)
    if len(inputs) == 1 and (order is not None or not _is_feature(inputs[0], by_name)):
        ordered = _ordered(columns, order)
        positions = _positions([column.name for column in ordered], by_name)
        return _one_tensor(inputs[0], ordered, positions, addition)
    if order is not None:
        raise Mismatch(
            f"`features` names the columns of one tensor, and it has {len(inputs)} inputs",
            "leave `features` out: inputs are matched by their names",
        )
    _check_named(inputs, by_name)
    positions = _positions([each.name for each in inputs], by_name)
    return [
        _named(each, by_name[each.name], place, known, addition)
        for each, place in zip(inputs, positions, strict=True)
    ]


def _positions(names: Sequence[str], by_name: Mapping[str, Column]) -> list[int]:
    """Return the column of the matrix that each feature is in."""
    in_order = [name for name in by_name if name in set(names)]
    return [in_order.index(name) for name in names]


def _check_rows(tensor: Tensor) -> None:
    if not tensor.element:
        raise Mismatch(f"the input {tensor} is no tensor")
    if tensor.shape and tensor.shape[0] is not None:
        raise Mismatch(
            f"the input {tensor} takes {tensor.shape[0]} rows at a time, not any number",
            "export it with a free first dimension (dynamic_axes or dynamic_shapes of torch.onnx.export, "
            "None as first dimension of skl2onnx's types)",
        )


def _is_feature(tensor: Tensor, by_name: Mapping[str, Column]) -> bool:
    return tensor.name in by_name and (tensor.shape or ())[1:] in ((), (1,))


def _ordered(columns: Sequence[Column], order: Sequence[str] | None) -> list[Column]:
    if order is None:
        return list(columns)
    by_name = {column.name: column for column in columns}
    strange = [name for name in order if name not in by_name]
    if strange:
        raise Mismatch(
            f"`features` names '{strange[0]}', which is no feature of the data{_near(strange[0], by_name)}"
        )
    if len(set(order)) < len(order):
        raise Mismatch("`features` names a column twice")
    return [by_name[name] for name in order]


def _near(name: str, by_name: Mapping[str, Column]) -> str:
    found = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
    return f" (did you mean '{found[0]}'?)" if found else f": {', '.join(list(by_name)[:20])}"


def _one_tensor(
    tensor: Tensor, columns: Sequence[Column], positions: list[int], addition: Addition
) -> list[Feature]:
    if tensor.element not in FLOATS:
        raise Mismatch(f"the input {tensor} is no feature of the data, and no tensor of floats")
    width = None if tensor.shape is None else tensor.shape[1] if len(tensor.shape) == 2 else -1
    if width not in (None, len(columns)):
        names = ", ".join(column.name for column in columns[:20])
        raise Mismatch(
            f"the input {tensor} should be [N, {len(columns)}]: {names}",
            "name the columns that it takes, in its order: --features a,b,c (`features` in the event)",
        )
    for column in columns:
        if column.kind not in ("number", "integer", "boolean"):
            raise Mismatch(
                f"the input {tensor} has a column for '{column.name}', a {column.kind} and no number",
                "name the columns that it takes: --features a,b,c; or give it an input of its own for each "
                "feature: of texts for a category",
            )
    value = addition.columns(INPUT, positions)
    if tensor.element == "float":
        addition.node("Identity", value, output=tensor.inside)
        return [Feature(c.name, c.kind, _plain(c), c.form) for c in columns]
    features = [Feature(c.name, c.kind, _centred(c), c.form) for c in columns]
    exact = _undo(addition.cast(value, "double"), [f.encoder for f in features], addition)
    addition.node("Identity", exact, output=tensor.inside)
    return features


def _check_named(inputs: Sequence[Tensor], by_name: Mapping[str, Column]) -> None:
    for tensor in inputs:
        column = by_name.get(tensor.name)
        if column is None:
            raise Mismatch(
                f"the input {tensor} is no feature of the data{_near(tensor.name, by_name)}",
                "name the inputs as the columns of the data are named",
            )
        if tensor.shape is not None and tensor.shape[1:] not in ((), (1,)):
            raise Mismatch(f"the input {tensor} should be [N, 1] or [N]: a value of each row")
        taken = _TAKEN_AS.get(column.kind, ())
        if tensor.element not in taken:
            fix = (
                f"convert it with an input of {' or '.join(taken)} for '{column.name}'"
                if taken
                else f"leave '{column.name}' out of the model: of a {column.kind} no form is agreed on"
            )
            raise Mismatch(
                f"the input {tensor} takes {tensor.element}, and '{column.name}' is a {column.kind}", fix
            )
        if column.missing and tensor.element in (*WHOLE, "bool"):
            raise Mismatch(
                f"the input {tensor} has no form for a missing value, and '{column.name}' lacks some",
                f"convert it with an input of float for '{column.name}', where a missing value is NaN",
            )


def _named(tensor: Tensor, column: Column, place: int, known: Sequence[str], addition: Addition) -> Feature:
    value = addition.columns(INPUT, [place])
    encoder: Encoder
    if tensor.element == "string":
        encoder = Ordinal(tuple(sorted({*column.labels, *known})))
        texts = np.array([*encoder.values, "", UNSEEN], dtype=object)
        value = addition.node("Gather", addition.constant(texts), addition.cast(value, "int64"))
    elif tensor.element == "float":
        encoder = _plain(column)
    else:
        encoder = _centred(column)
        value = _undo(addition.cast(value, "double"), [encoder], addition)
        if tensor.element != "double":
            value = _whole(value, tensor.element, addition)
    if tensor.shape is not None and len(tensor.shape) == 1:
        value = addition.reshape(value, -1)
    addition.node("Identity", value, output=tensor.inside)
    return Feature(column.name, column.kind, encoder, column.form)


def _plain(column: Column) -> Encoder:
    return Boolean() if column.kind == "boolean" else Number()


def _centred(column: Column) -> Encoder:
    return _plain(column) if column.numbers is None else fit_number(column.numbers)[0]


def _undo(value: str, encoders: Sequence[Encoder], addition: Addition) -> str:
    """Undo the centring, in float64."""
    scales = [e.scale if isinstance(e, CentredNumber) else AS_IS for e in encoders]
    if all(scale == AS_IS for scale in scales):
        return value
    units = addition.constant(np.array([[scale.unit for scale in scales]], dtype=np.float64))
    offsets = addition.constant(np.array([[scale.offset for scale in scales]], dtype=np.float64))
    return addition.node("Add", addition.node("Mul", value, units), offsets)


def _whole(value: str, element: str, addition: Addition) -> str:
    """Make whole numbers; a missing one, of which the data had none, is 0."""
    zero = addition.constant(np.zeros((1, 1), dtype=np.float64))
    half = addition.constant(np.full((1, 1), 0.5, dtype=np.float64))
    known = addition.node("Where", addition.node("IsNaN", value), zero, value)
    return addition.cast(addition.node("Floor", addition.node("Add", known, half)), element)
