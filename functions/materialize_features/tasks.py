"""Which views an event concerns, from the state; and what is noted there of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from functions.materialize_features.logic import ASK_AGAIN_AFTER, Part, Task
from functions.materialize_features.materialize import Done
from functions.state import datasets
from functions.state.database import insert_if_absent
from functions.state.features import FeatureViewRow, pushed_to, views_from_dataset, views_of_model
from functions.state.handled import Stale
from functions.state.specs import models_with_spec, spec_of
from pipelines.features.of_spec import own_views
from pipelines.features.sources import feeds_views
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View
from pipelines.spec import SpecError


@dataclass(frozen=True)
class Work:
    """A task, and what was pushed to its view, by entity."""

    task: Task
    pushed: Mapping[str, Mapping[str, Any]]


def defined_by(session: Session, model: str) -> tuple[View, ...]:
    """Return the views that the model.yaml in force defines; none of one that cannot be read any more."""
    try:
        spec = spec_of(session, model)
    except SpecError:  # record_events says so of the model
        return ()
    return () if spec is None else own_views(spec)


def from_dataset(session: Session, model: str, part: str) -> list[Work]:
    """Return what is to be done for a new part of a model's dataset, with the digest of that part."""
    current = [
        view
        for owner in models_with_spec(session)
        for view in defined_by(session, owner)
        if model in (view.dataset, view.model if view.path else None)
    ]
    kept = [View.from_json(row.definition) for row in views_from_dataset(session, model)]
    also = next((n for n, each in enumerate(_sources(session, model)) if each.sha256 == part), None)
    works = _works(session, current, kept)
    return [each if each.task.view.path else _with(each, also=also) for each in works]


def of_model(session: Session, model: str, *, anew: bool = False) -> list[Work]:
    """Return what is to be done for the views that a model defines; with `anew` they are made again."""
    kept = [View.from_json(row.definition) for row in views_of_model(session, model)]
    works = _works(session, defined_by(session, model), kept)
    return [_with(each, start=0, seen="", whole=True) for each in works] if anew else works


def applied(session: Session, names: Iterable[str]) -> list[Work]:
    """Return what is to be done for views that the feature store knows now."""
    rows = [row for name in names if (row := session.get(FeatureViewRow, name)) is not None]
    views = [View.from_json(row.definition) for row in rows]
    current = {view.feast_name for row in rows for view in defined_by(session, row.model)}
    works = _works(session, [view for view in views if view.feast_name in current], views)
    return [_with(each, online=True, whole=True) for each in works]


def note(session: Session, done: Done, now: datetime, *, applied: bool = False) -> bool:
    """Note what came of a task; return whether the feature store is to be asked to take the view in.

    Raises:
        Stale: another delivery was at the view meanwhile.
    """
    task, view = done.task, done.task.view
    empty = {
        "name": view.feast_name,
        "model": view.model,
        "view": view.name,
        "dataset": view.dataset,
        "definition": view.to_json(),
        "parts": 0,
        "seen": "",
        "rows": 0,
        "pushes": 0,
    }
    insert_if_absent(session, FeatureViewRow, empty)
    row = session.get_one(FeatureViewRow, view.feast_name, with_for_update=True)
    row.retired_at = None
    known = row.applied_at is not None
    if (row.parts, row.seen, row.pushes) != task.version or (known and not task.online):
        raise Stale(f"the view {view.feast_name} was changed meanwhile")
    row.problem = None if done.problem is None else done.problem[0]
    if done.problem is not None:
        return False
    row.parts, row.seen, row.kinds = (
        max(done.parts, row.parts),
        done.seen,
        dict(done.kinds or {}) or row.kinds,
    )
    row.rows += done.rows
    if applied:
        row.applied_at = now
    elif known and done.changed and not done.online and task.online:
        row.applied_at = None  # its registry was lost
    if done.changed:
        row.materialized_at = now
        row.statistics = {
            "entities": done.entities,
            "nulls": dict(done.nulls),
            "newest": None if done.newest is None else done.newest.isoformat(),
            "future_rows": done.future_rows,
        }
    ask = row.applied_at is None and done.kinds is not None and done.parts > 0
    if ask and (task.whole or row.asked_at is None or now - row.asked_at > ASK_AGAIN_AFTER):
        row.asked_at = now
        return True
    return False


def _works(session: Session, current: Sequence[View], kept: Sequence[View]) -> list[Work]:
    names = {view.feast_name for view in current}
    views = {view.feast_name: view for view in (*current, *kept)}
    return [_work(session, view, name in names) for name, view in views.items()]


def _sources(session: Session, dataset: str) -> list[datasets.DatasetPart]:
    """Return the parts of a dataset that views are made from, in order."""
    return [each for each in datasets.parts_of(session, dataset) if feeds_views(each.key, dataset)]


def _work(session: Session, view: View, current: bool) -> Work:
    row = session.get(FeatureViewRow, view.feast_name)
    task = Task(view, current)
    if row is not None:
        known = row.applied_at is not None
        version = (row.parts, row.seen, row.pushes)
        task = replace(task, start=row.parts, seen=row.seen, online=known, version=version)
    if view.dataset is not None:
        parts = _sources(session, view.dataset)
        schema = datasets.kept_schema(session, view.dataset)
        columns = [] if schema is None else json.loads(schema.document)["columns"]
        task = replace(
            task,
            parts=tuple(Part(each.uri, each.sha256, each.added_at) for each in parts),
            columns={column["name"]: column for column in columns},
        )
    return Work(task, pushed_rows(session, view))


def pushed_rows(session: Session, view: View) -> dict[str, dict[str, Any]]:
    """Return the newest row that was pushed of each entity, by `entity_key`."""
    found = {}
    for row in pushed_to(session, view.feast_name):
        entity = dict(zip(view.entity, json.loads(row.entity), strict=True))
        times = {EVENT_TIMESTAMP: row.event_time, CREATED_TIMESTAMP: row.learned_at}
        found[row.entity] = {**entity, **times, **row.features}
    return found


def _with(work: Work, **changes: Any) -> Work:
    return replace(work, task=replace(work.task, **changes))
