"""A view's rows from its source's: windows of time per entity, up to and with each moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View, Window

TIME = pa.timestamp("us", tz="UTC")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def view_rows(view: View, table: pa.Table, *, created: datetime) -> pa.Table:
    """Make a view's rows: one for each entity and moment, with what was known up to and with that moment.

    A field is that of the last row of the moment, in the order of the table. A window takes the rows in
    (t - length, t] and their known values: a count of none is 0, a sum, mean or last of none is missing.
    Rows without an entity or a timestamp are left out.

    Args:
        table: the source's rows in the order in which they came, with `view.columns` in canonical types.
        created: when the rows were learned; of two rows for one moment the later learned counts.

    Returns: the entity's columns, event_timestamp, created_timestamp and the features, by entity and moment.
    """
    named = table.select(list(view.columns))
    whole = pc.and_(_known(named, view.entity), named.column(view.timestamp).is_valid())
    rows = named.filter(whole).combine_chunks()
    instants = microseconds(rows.column(view.timestamp))
    entities = number_entities(rows, view.entity)
    order = np.lexsort((instants, entities))  # stable: rows of one moment stay in their order
    rows, instants, entities = rows.take(pa.array(order)), instants[order], entities[order]
    last = _last_of_moment(entities, instants)
    columns = {name: rows.column(name).take(pa.array(last)) for name in view.entity}
    columns[EVENT_TIMESTAMP] = pa.array(instants[last], pa.timestamp("us")).cast(TIME)
    columns[CREATED_TIMESTAMP] = pa.array([created] * len(last), TIME)
    for name in view.fields:
        columns[name] = rows.column(name).take(pa.array(last))
    starts: dict[timedelta, Ints] = {}
    for window in view.windows:
        if window.length not in starts:
            starts[window.length] = _starts(entities, instants, last, window.length)
        columns[window.name] = _aggregate(window, rows, starts[window.length], last + 1)
    return pa.table(columns)


def output_kinds(view: View, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the kind of each column of an entity and of each feature, by those of the source's columns.

    Raises:
        KeyError: the source has no such column.
    """
    found = {name: kinds[name] for name in (*view.entity, *view.fields)}
    for window in view.windows:
        if window.of is not None and window.of not in kinds:
            raise KeyError(window.of)
        match window.function:
            case "count":
                found[window.name] = "integer"
            case "last":
                found[window.name] = kinds[str(window.of)]
            case _:
                found[window.name] = "number"
    return found


def latest(view: View, rows: pa.Table, at: datetime) -> pa.Table:
    """Return each entity's newest row of a view at a moment; of one moment the one that was learned last.

    A row that is older than the view's `ttl` is returned, too: it is stale.
    """
    known = rows.filter(pc.less_equal(rows.column(EVENT_TIMESTAMP), pa.scalar(at, TIME))).combine_chunks()
    entities = number_entities(known, view.entity)
    created = microseconds(known.column(CREATED_TIMESTAMP))
    order = np.lexsort((created, microseconds(known.column(EVENT_TIMESTAMP)), entities))
    ends = np.flatnonzero(np.append(np.diff(entities[order]) != 0, True)) if len(order) else order
    return known.take(pa.array(order[ends]))


def _known(table: pa.Table, names: tuple[str, ...]) -> pa.ChunkedArray:
    known = table.column(names[0]).is_valid()
    for name in names[1:]:
        known = pc.and_(known, table.column(name).is_valid())
    return known


def microseconds(column: pa.ChunkedArray) -> Ints:
    """Return a column of moments, none of them missing, as microseconds since 1970, [N]."""
    return np.asarray(column.cast(TIME).cast(pa.int64()).to_numpy(), dtype=np.int64)


def number_entities(rows: pa.Table, names: tuple[str, ...]) -> Ints:
    """Number the distinct entities by the order in which they first stand."""
    numbers = np.zeros(rows.num_rows, dtype=np.int64)
    for name in names:
        column = rows.column(name)
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if isinstance(whole, pa.ChunkedArray):  # no rows, or more than 2 GiB of text
            whole = pa.concat_arrays(
                [chunk.cast(pa.large_string()) for chunk in whole.chunks] or [pa.array([])]
            )
        codes = (
            pc.dictionary_encode(whole, null_encoding="encode")
            .indices.to_numpy(zero_copy_only=False)
            .astype(np.int64)
        )
        _, numbers = np.unique(numbers * (len(codes) + 1) + codes, return_inverse=True)
    return numbers.astype(np.int64)


def _last_of_moment(entities: Ints, instants: Ints) -> Ints:
    if not len(entities):
        return np.zeros(0, dtype=np.int64)
    changes = (np.diff(entities) != 0) | (np.diff(instants) != 0)
    return np.flatnonzero(np.append(changes, True)).astype(np.int64)


def _starts(entities: Ints, instants: Ints, last: Ints, length: timedelta) -> Ints:
    """Return for each row of `last` where its window begins: the first row after t - length of its entity."""
    if not len(last):
        return last
    # One key that grows with the entity and, within it, with the moment, so that one search finds all.
    low = instants.min()
    span = int(instants.max() - low) + 1
    size = min(length // timedelta(microseconds=1), span)
    if int(entities.max() + 1) * 2 * span >= 2**62:
        return _starts_by_entity(entities, instants, last, size)
    keys = entities * (2 * span) + span + (instants - low)
    return np.asarray(np.searchsorted(keys, keys[last] - size, side="right"), dtype=np.int64)


def _starts_by_entity(entities: Ints, instants: Ints, last: Ints, size: int) -> Ints:
    starts = np.empty(len(last), dtype=np.int64)
    firsts = np.flatnonzero(np.append(True, np.diff(entities) != 0))
    for first, end in zip(firsts, [*firsts[1:], len(entities)], strict=True):
        of = slice(np.searchsorted(last, first), np.searchsorted(last, end))
        wanted = instants[last[of]] - size
        starts[of] = first + np.searchsorted(instants[first:end], wanted, side="right")
    return starts


def _aggregate(window: Window, rows: pa.Table, starts: Ints, ends: Ints) -> pa.Array:
    if window.of is None:
        return pa.array(ends - starts)
    column = rows.column(window.of)
    known = np.asarray(column.is_valid().to_numpy(), dtype=np.int64)
    through = np.append(0, np.cumsum(known))
    counts = through[ends] - through[starts]
    if window.function == "count":
        return pa.array(counts)
    if window.function == "last":
        # The row before `ends` that is known: the count of known ones up to there says which it is.
        positions = np.append(np.flatnonzero(known), 0)
        return column.take(pa.array(positions[through[ends] - 1], mask=counts == 0)).combine_chunks()
    values = np.nan_to_num(
        np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64),
        nan=0.0,
        posinf=np.inf,
        neginf=-np.inf,
    )
    sums = _sums(values, starts, ends)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sums / counts if window.function == "mean" else sums
    return pa.array(found, mask=counts == 0)


def _sums(values: Floats, starts: Ints, ends: Ints) -> Floats:
    """Sum each [start, end): by blocks of 1, 2, 4, … values from its start.

    Differences of running sums would be quicker. But they cancel, and what came before a window would change
    its last digits; so a sum depends on nothing but its own values.
    """
    found = np.zeros(len(starts))
    at, left, block = starts.copy(), ends - starts, values
    while left.any():
        odd = np.flatnonzero(left & 1)
        found[odd] += block[at[odd]]
        size = len(values) - len(block) + 1
        at[odd] += size
        left >>= 1
        if len(block) <= size:
            break
        block = block[:-size] + block[size:]
    return found
