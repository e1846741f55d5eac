"""In place of learning an encoding: a registered model brings its own. Part of step 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.adoption import Adopted, Column, adopt
from pipelines.encoding.scales import fit_scale
from pipelines.request import RunRequest
from pipelines.steps import files
from pipelines.steps.partition import Partition
from pipelines.tables import known_numbers
from pipelines.values.form import Form

_MOST_LABELS = 100_000


def adopt_registered(
    extracted: Path,
    table: pa.Table,
    features: Sequence[Sequence[str]],
    forms: Mapping[str, Form],
    partition: Partition,
) -> Adopted | None:
    """Bring the registered model into the form of ours; None where a model is trained.

    Args:
        table: the rows that have a target.
        features: name and kind of each, in the order of the data.

    Raises: StepError when it does not fit the data.
    """
    given = RunRequest.from_parameters(files.read_json(extracted / files.REQUEST)).registered
    if given is None:
        return None
    training = np.asarray(partition.train_target)
    answer = {} if partition.classes is not None else {"answer": fit_scale(training.astype(np.float64))[0]}
    return adopt(
        (extracted / files.REGISTERED).read_bytes(),
        [_column(table.column(name), name, kind, forms[name]) for name, kind in features],
        partition.classes,
        features=given.features,
        given_classes=given.classes,
        **answer,
    )


def _column(column: pa.ChunkedArray, name: str, kind: str, form: Form) -> Column:
    found: dict[str, Any] = {"missing": column.null_count > 0}
    if kind in ("number", "integer"):
        found["numbers"] = known_numbers(column)
    elif kind == "category":
        found["labels"] = tuple(pc.unique(column).drop_null().to_pylist()[:_MOST_LABELS])
    return Column(name, kind, form, **found)
