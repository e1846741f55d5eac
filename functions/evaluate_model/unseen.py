"""Which holdout rows a champion was not trained on.

With timestamps, or in order of arrival, those are the rows from the start of its own holdout on, or after it
where the model that serves learnt from it too. By hash a
row's side never changes with the same rule, but the champion may have been divided by another rule (another
share, entity or timestamp, or by an earlier release), so its own rule, from its card and its spec, is applied
to the rows. It has seen none of those that came after its dataset, whatever their hash, where the candidate
was divided in order of arrival: then none of them is a row of before that came again.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from functions.evaluate_model.scoring import Unusable
from pipelines import layout
from pipelines.card import Divided
from pipelines.spec import ModelSpec
from pipelines.steps.split import below, by_entity, content_hashes, row_hashes
from pipelines.tables import times

BY_TIME = "time"


def unseen_rows(
    table: pa.Table, divided: Divided, spec: ModelSpec, *, judged: bool = False, by_arrival: bool = False
) -> NDArray[np.bool_]:
    """Return which rows [N] a model was not trained on.

    Args:
        table: holdout rows with every column.
        divided: `data.split` of the model's card.
        spec: the model.yaml it was trained with.
        judged: ask of the model as it was before it learnt from its holdout.
        by_arrival: the holdout has the rows that came last.

    Raises:
        Unusable: the card does not say, or the rows lack the column it divides by.
    """
    by, cutoff = divided.by, divided.cutoff
    column = spec.timestamp if by == BY_TIME else spec.entity if by == "entity" else None
    if column is not None and column not in table.column_names:
        raise Unusable(f"its rows are divided by {column!r}, which the holdout lacks")
    through = None if judged else divided.learnt_through
    if by == BY_TIME and column is not None and cutoff is not None:
        instants = times(table.column(column))
        if through is not None:
            return np.asarray(instants > _instant(through))
        return np.asarray(instants >= _instant(cutoff))
    if by == "arrival" and cutoff is not None:
        if layout.PLACE not in table.column_names:
            raise Unusable("its rows are divided in order of arrival, which the holdout does not tell")
        first = int(cutoff) if through is None else int(through) + 1
        return np.asarray(table.column(layout.PLACE).to_numpy() >= first)
    if by in ("entity", "content", "row"):
        rows = _row_hashes(table, spec.target, divided.rule)
        unseen = below(rows if column is None else by_entity(table.column(column), rows), spec.train.holdout)
        later = divided.dataset_rows if by_arrival and column is None else None
        if later is not None and layout.PLACE in table.column_names:
            unseen |= table.column(layout.PLACE).to_numpy() >= later
        return unseen
    raise Unusable(f"its card does not say how its rows were divided: {divided.model_dump()}")


def _instant(text: str) -> np.datetime64:
    return np.datetime64(datetime.fromisoformat(text).replace(tzinfo=None), "us")


def _row_hashes(table: pa.Table, target: str, rule: int) -> NDArray[np.uint64]:
    """Return the hash that puts a row without an entity on its side, [N]."""
    if rule > 1 and layout.ROW in table.column_names:
        return np.asarray(table.column(layout.ROW).to_numpy(), dtype=np.uint64)
    data = table.select([name for name in table.column_names if name not in (layout.ROW, layout.PLACE)])
    # A holdout by time, or of a custom pipeline, does not say; then only rows without equals are recognised.
    return content_hashes(data) if rule == 1 else row_hashes(data, target)
