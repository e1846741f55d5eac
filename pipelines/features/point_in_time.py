"""Joins views to rows as of each row's own moment: nothing that became true later reaches a row.

Of a view that is made from the rows themselves, a row gets what was known before its moment: at that moment a
prediction is asked for, and the row is not there yet. Of every other view it gets what was known at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.features.aggregation import TIME, microseconds, number_entities
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Joined:
    """A view's features beside N rows, and of how many rows they are missing, or were too old.

    Attributes:
        columns: by feature, each [N]; null where there is no value, or a stale one.
    """

    columns: dict[str, pa.ChunkedArray]
    missing: int
    stale: int


def join(rows: pa.Table, timestamp: str, view: View, view_rows: pa.Table, *, strictly_before: bool) -> Joined:
    """Give each row the newest row of a view that was known at the row's moment, unless that is stale.

    Args:
        rows: with the view's entity and `timestamp`, in canonical types.
        view_rows: as `aggregation.view_rows` makes them, of one or several times, in any order. Of two rows
            for one entity and moment the one that was learned later counts.
        strictly_before: the newest row from before the row's moment.

    Raises:
        pyarrow.ArrowInvalid: the entities cannot be read as those of the view.
    """
    known = _positions(rows, timestamp, view, view_rows, strictly_before=strictly_before)
    found = known >= 0
    fresh = found
    if view.ttl is not None and view_rows.num_rows:
        events = microseconds(view_rows.column(EVENT_TIMESTAMP))
        age = _instants(rows, timestamp) - events[np.maximum(known, 0)]
        fresh = found & (age <= view.ttl // timedelta(microseconds=1))
    positions = pa.array(known, mask=~fresh)
    columns = {name: view_rows.column(name).take(positions) for name in view.features}
    return Joined(columns, int((~found).sum()), int((found & ~fresh).sum()))


def _instants(rows: pa.Table, timestamp: str) -> Ints:
    return microseconds(rows.column(timestamp).fill_null(pa.scalar(0, TIME)))


def _positions(
    rows: pa.Table, timestamp: str, view: View, view_rows: pa.Table, *, strictly_before: bool
) -> Ints:
    """Return for each row the place of the view's row that it gets; -1 for none."""
    entity = list(view.entity)
    types = [view_rows.schema.field(name).type for name in entity]
    own = pa.table([rows.column(name).cast(type_) for name, type_ in zip(entity, types, strict=True)], entity)
    entities = number_entities(pa.concat_tables([view_rows.select(entity), own]), view.entity)
    instants = np.concatenate([microseconds(view_rows.column(EVENT_TIMESTAMP)), _instants(rows, timestamp)])
    count = view_rows.num_rows
    learned = np.concatenate(
        [microseconds(view_rows.column(CREATED_TIMESTAMP)), np.zeros(len(own), np.int64)]
    )
    is_row = np.arange(len(instants)) >= count
    # Of one moment the view's rows stand before the row, or behind it where only what was before it counts.
    order = np.lexsort((learned, ~is_row if strictly_before else is_row, instants, entities))
    newest = np.maximum.accumulate(np.where(is_row[order], -1, np.arange(len(order))))
    candidate = np.where(newest >= 0, order[newest], -1)
    same = (candidate >= 0) & (entities[np.maximum(candidate, 0)] == entities[order])
    positions = np.empty(len(order), dtype=np.int64)
    positions[order] = np.where(same, candidate, -1)
    found = positions[count:]
    for name in (*entity, timestamp):
        found = np.where(np.asarray(rows.column(name).is_valid().to_numpy()), found, -1)
    return found
