"""The rows of a feature view that a champion knew, and newer ones, so that the two can be compared. Pure.

A test takes rows for a fair sample of one population. A view has as many rows of an entity as it has news of
it, and its windows overlap: busy entities have more rows, and other values. So both sides are cut into
stretches of time as long as the one that the new rows cover; in each one row of an entity counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from functions.detect_drift.sample import most_rows
from pipelines.features.aggregation import TIME, microseconds, number_entities
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """What is compared, in order of time. `rows`: how many new ones there were, before any was left out."""

    reference: pa.Table
    current: pa.Table
    rows: int


def samples_of(
    view: View, stored: pa.Table, new: pa.Table, *, learned_by: datetime, seed: str
) -> Samples | None:
    """Return both sides; None where there is nothing that the champion knew, or nothing newer.

    Args:
        stored: the view's rows as they lie in the object store.
        new: rows that a materialisation wrote, which may be among those.
        learned_by: what was learned later the champion does not know.
        seed: of which rows are chosen, as hexadecimal digits.
    """
    known = _newest_of_instants(view, stored.filter(_until(stored, CREATED_TIMESTAMP, learned_by)))
    if not known.num_rows:
        return None
    last = pc.max(known.column(EVENT_TIMESTAMP))
    fresh = _newest_of_instants(view, new.filter(pc.greater(new.column(EVENT_TIMESTAMP), last)))
    if not fresh.num_rows:
        return None
    instants = microseconds(fresh.column(EVENT_TIMESTAMP))
    span = int(instants[-1] - instants[0]) + 1
    rng = np.random.default_rng(int(seed[:16], 16))
    reference = _one_of_stretches(view, _with_whole_windows(view, known), span, rng)
    return Samples(_at_most(reference, rng), _one_of_stretches(view, fresh, span, rng), fresh.num_rows)


def _until(table: pa.Table, name: str, moment: datetime) -> pa.Array:
    return pc.less_equal(table.column(name), pa.scalar(moment, TIME))


def _newest_of_instants(view: View, table: pa.Table) -> pa.Table:
    """Keep of the rows of one entity and moment the one that was learned last; in order of time."""
    if not table.num_rows:
        return table
    entities = number_entities(table.combine_chunks(), view.entity)
    instants = microseconds(table.column(EVENT_TIMESTAMP))
    order = np.lexsort((microseconds(table.column(CREATED_TIMESTAMP)), entities, instants))
    entities, instants = entities[order], instants[order]
    last = np.append((entities[1:] != entities[:-1]) | (instants[1:] != instants[:-1]), True)
    return table.take(pa.array(order[last]))


def _with_whole_windows(view: View, known: pa.Table) -> pa.Table:
    """Leave the first rows out, whose windows reach back to before the first; unless none would remain."""
    first = pc.min(known.column(EVENT_TIMESTAMP)).as_py()
    whole = known.filter(
        pc.greater_equal(known.column(EVENT_TIMESTAMP), pa.scalar(first + view.longest_window, TIME))
    )
    return whole if whole.num_rows else known


def _one_of_stretches(view: View, table: pa.Table, span: int, rng: np.random.Generator) -> pa.Table:
    """Keep one row of each entity in each stretch of so many microseconds, counted back from the last row.

    Which one is left to chance: the first of a busy entity comes early, and order would look like a trend.
    """
    entities = number_entities(table.combine_chunks(), view.entity)
    instants = microseconds(table.column(EVENT_TIMESTAMP))
    shuffled = rng.permutation(len(instants))
    kinds = np.stack([entities, (instants[-1] - instants) // span])[:, shuffled]
    _, chosen = np.unique(kinds, axis=1, return_index=True)
    return table.take(pa.array(np.sort(shuffled[chosen])))


def _at_most(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    most = most_rows(table.num_columns)
    if table.num_rows <= most:
        return table
    return table.take(pa.array(np.sort(rng.choice(table.num_rows, most, replace=False))))
