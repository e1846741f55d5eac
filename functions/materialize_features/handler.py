"""Data has come, a view was defined, values were pushed, or a person asks. Event in, outcome out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import (
    DatasetIngested,
    DefinedView,
    FeaturesAction,
    FeaturesApplied,
    FeaturesDefined,
    FeaturesMaterialized,
    FeaturesPushed,
    FeaturesRejected,
    FeaturesRequested,
    Payload,
    SpecRegistered,
    TimerDue,
    source_of,
)
from eventing.clock import Clock
from eventing.event import Event, answer
from eventing.store import Store
from functions.materialize_features import tasks
from functions.materialize_features.check import Checking, model_of
from functions.materialize_features.feature_server import FeatureServer
from functions.materialize_features.logic import FUNCTION
from functions.materialize_features.materialize import Done, materialize
from functions.materialize_features.metrics import FeatureMetrics
from functions.materialize_features.push import push
from functions.materialize_features.retire import retire
from functions.materialize_features.tasks import Work
from functions.state.handled import handle_once

Recorded = DatasetIngested | SpecRegistered | FeaturesApplied | FeaturesRequested
Accepted = Recorded | FeaturesPushed | TimerDue


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns what is said of each view."""

    sessions: sessionmaker[Session]
    store: Store
    server: FeatureServer
    clock: Clock
    metrics: FeatureMetrics
    checking: Checking

    def __call__(self, event: Event, payload: Accepted) -> list[Event]:
        """Bring the views that the event concerns up to date."""
        if isinstance(payload, FeaturesPushed):
            return push(self.sessions, self.store, self.server, event, payload, self.clock())
        if isinstance(payload, FeaturesRequested) and payload.action is FeaturesAction.CHECK:
            return self.checking.asked(event, payload, self.clock())
        if isinstance(payload, TimerDue):
            now = self.clock()
            said = self.checking.due(event, payload, now)
            return [*said, *retire(self.sessions, self.store, event, model_of(payload), now)]
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=_reader(payload),
            work=self._materialize,
            write=partial(self._note, event, isinstance(payload, FeaturesApplied)),
            now=self.clock(),
        )

    def _materialize(self, works: Sequence[Work]) -> list[Done]:
        now = self.clock()
        return [materialize(self.store, self.server, each.task, each.pushed, now) for each in works]

    def _note(self, event: Event, applied: bool, session: Session, all_done: Sequence[Done]) -> list[Event]:
        now = self.clock()
        asked = [done for done in all_done if tasks.note(session, done, now, applied=applied)]
        said = [_said(event, done) for done in all_done if done.task.current]
        for done in all_done:
            self.metrics.materialized(done, now)
            if done.online:
                self.checking.compare_later(session, done.task.view.model, now)
        return [*(each for each in said if each is not None), *_defined(event, asked)]


def _reader(payload: Recorded) -> Callable[[Session], list[Work]]:
    match payload:
        case DatasetIngested():
            return lambda session: tasks.from_dataset(session, payload.model, payload.part.sha256)
        case FeaturesApplied():
            return lambda session: tasks.applied(session, payload.views)
        case _:
            anew = isinstance(payload, FeaturesRequested)
            return lambda session: tasks.of_model(session, payload.model, anew=anew)


def _said(event: Event, done: Done) -> Event | None:
    view = done.task.view
    said: Payload
    if done.problem is not None:
        problem, fix = done.problem
        said = FeaturesRejected(model=view.model, view=view.name, problem=problem, fix=fix)
    elif done.changed:
        said = FeaturesMaterialized(
            model=view.model,
            view=view.name,
            name=view.feast_name,
            parts=done.parts,
            rows=done.rows,
            entities=done.entities,
            online=done.online,
            nulls=dict(done.nulls),
            newest=done.newest,
            future_rows=done.future_rows,
            data=done.data,
        )
    else:
        return None
    return answer(event, said.type, source_of(FUNCTION), f"{view.model}/{view.name}", said)


def _defined(event: Event, asked: Sequence[Done]) -> list[Event]:
    """Ask for views to be taken in by the feature store: one event for each model that defines some."""
    models: dict[str, list[DefinedView]] = {}
    for done in asked:
        view = done.task.view
        defined = DefinedView(name=view.feast_name, view=view.name, uri=f"{view.folder}/view.json")
        models.setdefault(view.model, []).append(defined)
    return [
        answer(
            event, FeaturesDefined.type, source_of(FUNCTION), model, FeaturesDefined(model=model, views=views)
        )
        for model, views in models.items()
    ]
