"""Brings one view up to date: its rows in the object store, then each entity's newest in the online store.

Rows are files that nobody changes: `<view's folder>/rows/<from>-<to>.parquet` for parts of a dataset. A file
made twice is the same; one made from more parts holds the rows that were learned later, and those count.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import Store
from functions.materialize_features.feature_server import FeatureServer, ViewUnknown
from functions.materialize_features.logic import Task, entity_key, learned, newer
from functions.materialize_features.source import (
    Unusable,
    check_columns,
    columns_of,
    files_of,
    fingerprint,
    read_parts,
)
from pipelines.features.aggregation import TIME, latest, output_kinds, view_rows
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View
from pipelines.values.arrays import ARROW_TYPES


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Attributes:
        parts: that the view's rows are made from now; `seen` likewise of a path.
        rows: written to the offline store; `data` is their file.
        entities: whose newest row was written to the online store.
        online: whether it was; not if the feature store does not know the view.
        problem: why the view cannot be made, and what to do.
    """

    task: Task
    parts: int = 0
    seen: str = ""
    kinds: Mapping[str, str] | None = None
    rows: int = 0
    entities: int = 0
    online: bool = False
    nulls: Mapping[str, int] = field(default_factory=dict)
    newest: datetime | None = None
    future_rows: int = 0
    data: Claim | None = None
    problem: tuple[str, str] | None = None

    @property
    def changed(self) -> bool:
        """Whether anything is to be said of it."""
        return self.data is not None or self.task.whole


def materialize(
    store: Store, server: FeatureServer, task: Task, pushed: Mapping[str, Mapping[str, Any]], now: datetime
) -> Done:
    """Bring a view up to date.

    Args:
        pushed: the newest row that was pushed of each entity, by `entity_key`.
        now: rows that become true later are not served.

    Raises:
        RetryLater: the object store or the feature server does not answer.
    """
    try:
        return _materialize(store, server, task, pushed, now)
    except Unusable as error:
        return Done(task, parts=task.start, seen=task.seen, problem=(str(error), error.fix))


def _materialize(
    store: Store, server: FeatureServer, task: Task, pushed: Mapping[str, Mapping[str, Any]], now: datetime
) -> Done:
    view, parts, columns, start = task.view, task.parts, task.columns, task.start
    seen = ""
    if view.path is not None:
        parts = tuple(files_of(store, view.path))
        columns, seen = columns_of(store, parts[-1]), fingerprint(parts)
        start = len(parts) if seen == task.seen else 0
    if not parts:
        return Done(task)
    check_columns(view, list(columns))
    if columns[view.timestamp]["kind"] != "datetime":
        raise Unusable(f"{view.timestamp!r} is no datetime", f"set schema.{view.timestamp}.type: datetime")
    kinds = output_kinds(view, {name: str(each["kind"]) for name, each in columns.items()})
    _put_definition(store, view, kinds)
    done = Done(task, parts=len(parts), seen=seen, kinds=kinds)
    again = parts[task.also : task.also + 1] if task.also is not None and task.also < start else ()
    if start == len(parts) and not again and not task.whole:
        return done
    fresh = read_parts(store, view, parts[start:], columns)
    of = (
        None
        if start == 0 or task.whole
        else pa.concat_tables([fresh, read_parts(store, view, again, columns)])
    )
    # One part at a time, so that only the rows of these entities are in memory together.
    before = [_of_entities(view, read_parts(store, view, (part,), columns), of) for part in parts[:start]]
    rows = view_rows(view, pa.concat_tables([*before, fresh]), created=learned(parts))
    written = _written(view, rows, fresh) if start < len(parts) else rows.slice(0, 0)
    claim = (
        put_rows(store, view, written, f"{start:08d}-{len(parts):08d}{seen[:16]}") if len(written) else None
    )
    newest = _with_pushed(view, latest(view, rows, now), pushed, everything=of is None)
    online = _write_online(server, task, newest, kinds)
    return Done(
        task,
        parts=len(parts),
        seen=seen,
        kinds=kinds,
        rows=len(written),
        entities=len(newest),
        online=online,
        nulls={name: sum(row[name] is None for row in newest) for name in view.features},
        newest=max((row[EVENT_TIMESTAMP] for row in newest), default=None),
        future_rows=int(pc.sum(pc.greater(rows.column(EVENT_TIMESTAMP), pa.scalar(now, TIME))).as_py() or 0),
        data=claim,
    )


def _write_online(
    server: FeatureServer, task: Task, newest: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]
) -> bool:
    if not task.online:
        return False
    try:
        if newest:
            server.write(task.view, newest, kinds)
    except ViewUnknown:
        return False
    return True


def _of_entities(view: View, table: pa.Table, of: pa.Table | None) -> pa.Table:
    """Keep the rows of the entities of another table; some more, perhaps, where two columns name them."""
    if of is None:
        return table
    for name in view.entity:
        table = table.filter(pc.is_in(table.column(name), value_set=of.column(name).combine_chunks()))
    return table


def _written(view: View, rows: pa.Table, fresh: pa.Table) -> pa.Table:
    """Keep the rows that may differ from those of before: from the first moment of the new source rows on."""
    first = pc.min(fresh.column(view.timestamp))
    if not first.is_valid:
        return rows.slice(0, 0)
    return rows.filter(pc.greater_equal(rows.column(EVENT_TIMESTAMP), first))


def _put_definition(store: Store, view: View, kinds: Mapping[str, str]) -> None:
    stored = {"name": view.feast_name, "view": view.to_json(), "kinds": dict(kinds)}
    raw = json.dumps(stored, ensure_ascii=False, sort_keys=True).encode()
    store.put(f"{view.folder}/view.json", raw)


def put_rows(store: Store, view: View, rows: pa.Table, name: str) -> Claim:
    """Write a file of a view's rows."""
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd")
    return store.put(f"{view.folder}/rows/{name}.parquet", file.getvalue())


def _with_pushed(
    view: View, newest: pa.Table, pushed: Mapping[str, Mapping[str, Any]], *, everything: bool
) -> list[Mapping[str, Any]]:
    """Let what was pushed stand where it is newer; with `everything` also of entities that no file knows."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in newest.to_pylist():
        key = entity_key([row[name] for name in view.entity])
        found[key] = newer(row, pushed[key]) if key in pushed else row
    if everything:
        found.update({key: row for key, row in pushed.items() if key not in found})
    return list(found.values())


def stored_rows(store: Store, view: View) -> pa.Table | None:
    """Return every row of a view in the object store; None when there is none."""
    files = [each.uri for each in store.list(f"{view.folder}/rows/") if each.uri.endswith(".parquet")]
    tables = [pq.read_table(pa.BufferReader(store.get(uri))) for uri in files]
    return pa.concat_tables(tables) if tables else None


def pushed_table(view: View, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> pa.Table:
    """Return pushed rows as a table like those of `view_rows`."""
    types = {name: ARROW_TYPES[kinds[name]] for name in (*view.entity, *view.features)}
    types |= {EVENT_TIMESTAMP: TIME, CREATED_TIMESTAMP: TIME}
    order = [*view.entity, EVENT_TIMESTAMP, CREATED_TIMESTAMP, *view.features]
    return pa.table({name: pa.array([row[name] for row in rows], types[name]) for name in order})
