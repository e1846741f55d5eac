"""Takes fresh values of single entities in: into the offline rows, the online store and the state."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import FeaturesPushed
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import Store
from functions.materialize_features.feature_server import FeatureServer, ViewUnknown
from functions.materialize_features.logic import FUNCTION, entity_key, newer
from functions.materialize_features.materialize import pushed_table, put_rows
from functions.materialize_features.tasks import pushed_rows
from functions.state.database import insert_into
from functions.state.features import FeatureViewRow, PushedRow, views_of_model
from functions.state.handled import Stale, handle_once
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View
from pipelines.values.reading import NotRead, read_time, read_value

Row = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One definition of the view, as it was read; `before` is what was pushed to it, by entity."""

    view: View
    kinds: Mapping[str, str]
    online: bool
    version: tuple[int, str, int]
    before: Mapping[str, Row]


def push(
    sessions: sessionmaker[Session],
    store: Store,
    server: FeatureServer,
    event: Event,
    payload: FeaturesPushed,
    now: datetime,
) -> list[Event]:
    """Write values of single entities. What is older than what is known changes nothing that is served.

    Raises:
        Rejected: there is no such view, or a value is not of its column's kind.
        RetryLater: a peer does not answer.
    """
    at = event.time or now
    return handle_once(
        sessions,
        FUNCTION,
        event,
        read=lambda session: _targets(session, payload),
        work=lambda targets: [
            (each, _write_rows(store, server, event, payload, at, each)) for each in targets
        ],
        write=partial(_note, at),
        now=now,
    )


def version_of(row: FeatureViewRow) -> tuple[int, str, int]:
    """Return what changes whenever anybody has written to a view."""
    return row.parts, row.seen, row.pushes


def _targets(session: Session, payload: FeaturesPushed) -> list[Target]:
    rows = views_of_model(session, payload.model)
    found = [row for row in rows if row.view == payload.view]
    if not found:
        names = sorted({row.view for row in rows})
        near = difflib.get_close_matches(payload.view, names, n=1, cutoff=0.0)
        known = (
            f"did you mean {near[0]!r}?" if near else "its model.yaml defines none, or no data has come yet"
        )
        raise Rejected(f"{payload.model} has no view {payload.view!r}: {known}")
    targets = []
    for row in found:
        view = View.from_json(row.definition)
        if row.kinds is not None:
            online = row.applied_at is not None
            targets.append(Target(view, row.kinds, online, version_of(row), pushed_rows(session, view)))
    if not targets:
        raise Rejected(
            f"the view {payload.view!r} of {payload.model} has no rows yet: drop a file of data first"
        )
    return targets


def _write_rows(
    store: Store, server: FeatureServer, event: Event, payload: FeaturesPushed, at: datetime, target: Target
) -> dict[str, Row]:
    """Write the rows; return those that are newer than what was pushed before, by entity."""
    rows: dict[str, Row] = {}
    for number, given in enumerate(payload.rows):
        row = _read_row(target, given, number, at)
        key = entity_key([row[name] for name in target.view.entity])
        rows[key] = dict(newer(rows[key], row)) if key in rows else row
    name = hashlib.sha256(f"{event.source}\n{event.id}".encode()).hexdigest()[:32]
    put_rows(
        store, target.view, pushed_table(target.view, list(rows.values()), target.kinds), f"pushed-{name}"
    )
    fresh = {key: row for key, row in rows.items() if newer(row, target.before.get(key, row)) is row}
    if target.online and fresh:
        _write_online(server, target, fresh)
    return fresh


def _write_online(server: FeatureServer, target: Target, fresh: Mapping[str, Row]) -> None:
    """Write what is newer than what the online store has, which knows times to the second."""
    view, rows = target.view, list(fresh.values())
    try:
        known = server.read(view, {name: [row[name] for row in rows] for name in view.entity}).at
        newest = [
            row
            for row, there in zip(rows, known, strict=True)
            if there is None or row[EVENT_TIMESTAMP].replace(microsecond=0) >= there
        ]
        if newest:
            server.write(view, newest, target.kinds)
    except ViewUnknown:  # it is written when the view is known again: the state has it
        return


def _read_row(target: Target, given: Mapping[str, Any], number: int, at: datetime) -> Row:
    view, where = target.view, f"data.rows.{number}"
    known = (*view.entity, EVENT_TIMESTAMP, *view.features)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise Rejected(
                f"{where}: the view has no {name!r}; did you mean {near!r}? it has {', '.join(known)}"
            )
    row: Row = {}
    for name in (*view.entity, *view.features):
        try:
            row[name] = read_value(given.get(name), target.kinds[name])
        except (NotRead, TypeError) as error:
            kind = target.kinds[name]
            raise Rejected(f"{where}.{name}: {str(given.get(name))[:60]!r} is no {kind}") from error
        if row[name] is None and name in view.entity:
            raise Rejected(f"{where}: {name!r} is missing, which names the entity")
    try:
        moment = read_time(given[EVENT_TIMESTAMP]) if EVENT_TIMESTAMP in given else at
    except (NotRead, TypeError) as error:
        raise Rejected(
            f"{where}.{EVENT_TIMESTAMP}: {str(given[EVENT_TIMESTAMP])[:60]!r} is no time"
        ) from error
    return {**row, EVENT_TIMESTAMP: moment or at, CREATED_TIMESTAMP: at}


def _note(at: datetime, session: Session, written: Sequence[tuple[Target, Mapping[str, Row]]]) -> list[Event]:
    for target, rows in written:
        name = target.view.feast_name
        kept = session.get_one(FeatureViewRow, name, with_for_update=True)
        if version_of(kept) != target.version:
            raise Stale(f"the view {name} was changed meanwhile")
        kept.pushes += 1
        for key, row in rows.items():
            values = {
                "event_time": row[EVENT_TIMESTAMP],
                "learned_at": row[CREATED_TIMESTAMP],
                "features": {each: _storable(row[each]) for each in target.view.features},
            }
            statement = insert_into(session, PushedRow).values(name=name, entity=key, **values)
            session.execute(statement.on_conflict_do_update(index_elements=["name", "entity"], set_=values))
    return []


def _storable(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
