"""Predicts: from the values of some rows to the model's answer for each, with an id for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.serve_model.errors import BadRequest, TooLarge
from functions.serve_model.model import Model, Outputs
from functions.serve_model.tensors import Values
from pipelines.encoding import EncodingError
from pipelines.encoding.categories import label_of
from pipelines.encoding.errors import BadCell

Inputs = NDArray[Any] | Mapping[str, Values]
"""A matrix [N, features] in the order of the model's features, or for each feature a list of N values."""


class TakesIds(Protocol):
    """Where the prediction ids of a request come from."""

    def take(self, count: int) -> list[str]:
        """Return `count` ids."""
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for N rows, with what was asked: all that the log of predictions needs.

    `entities` is the spec's entity of each row, where the client sent that column. `keys` are the columns by
    which features were looked up, `looked_up` those features with the field of a view that each is, and those
    that were computed with their expression; `missing` the features of each row that were stood in for.
    """

    ids: list[str]
    inputs: Inputs
    outputs: Outputs
    entities: list[str | None] | None = None
    keys: Mapping[str, Values] = field(default_factory=dict)
    looked_up: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[Sequence[str]] = ()

    @property
    def missing_features(self) -> str:
        """The features that were stood in for in any row, joined by commas."""
        return ",".join(dict.fromkeys(name for row in self.missing for name in row))


def predict(model: Model, inputs: Inputs, rows: int, ids: TakesIds, max_rows: int) -> Prediction:
    """Encode the inputs and run the model.

    Missing values (null, NaN, texts such as "", and what float32 cannot hold) are imputed as in training. The
    spec's entity may be sent beside the features: it is noted, and not given to the model unless it is a
    feature as well.

    Raises:
        BadRequest: a feature is unknown, missing, or of a wrong type or shape (each named).
        TooLarge: there are more rows than `max_rows`.
    """
    if rows > max_rows:
        raise TooLarge(
            f"{rows} rows in one request: at most {max_rows} are taken (MAX_ROWS); split the batch"
        )
    if rows < 1:
        raise BadRequest("the request has no rows")
    encoding = model.encoding
    entities = None
    if model.entity is not None and isinstance(inputs, Mapping) and model.entity in inputs:
        entities = _texts(inputs[model.entity], rows, model.entity)
        if model.entity not in encoding.names:
            inputs = {name: values for name, values in inputs.items() if name != model.entity}
    try:
        matrix = encoding.encode(inputs) if isinstance(inputs, Mapping) else encoding.encode_matrix(inputs)
    except EncodingError as error:
        raise BadRequest(str(error)) from error
    outputs = model.run(matrix)
    _check_finite(outputs)
    return Prediction(ids.take(rows), inputs, outputs, entities)


def _texts(values: Values, rows: int, name: str) -> list[str | None]:
    """Return an entity column as texts, numbers as whole ones where they are."""
    if len(values) != rows:
        raise BadRequest(f"'{name}' has {len(values)} values for {rows} rows")
    try:
        return [label_of(row, value) for row, value in enumerate(values)]
    except BadCell as error:
        raise BadRequest(f"row {error.row}: '{name}' must be a text or a number, got {error.got}") from error


def _check_finite(outputs: Outputs) -> None:
    """Refuse what is no number: it would be null in JSON, which reads like an answer."""
    for values in (outputs.probabilities, outputs.prediction):
        if values is None:
            continue
        finite = np.isfinite(values)
        if not finite.all():
            row = int(np.argwhere(~finite)[0][0])
            raise BadRequest(
                f"row {row}: the model's answer is no number; a value is missing, or beyond those of training"
            )


def positional(model: Model, width: int, what: str) -> None:
    """Check that rows without names have a value for each feature. Raises: BadRequest naming the features."""
    names = model.encoding.names
    if width != len(names):
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise BadRequest(f"{what} has {width} values per row, the model takes {len(names)} features: {shown}")
