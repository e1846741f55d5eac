"""Retires definitions of views that nothing needs: no model.yaml has them, no version may ask for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, DefinedView, FeaturesRetired, source_of
from eventing.errors import RetryLater
from eventing.event import Event, answer
from eventing.store import ObjectMissing, Store, StoreUnavailable
from functions.materialize_features.logic import FUNCTION
from functions.materialize_features.tasks import defined_by
from functions.state.features import FeatureViewRow, views_of_model
from functions.state.handled import Stale, handle_once
from functions.state.runs import TrainingRun
from functions.state.specs import models_with_spec
from functions.state.versions import Fact, ModelVersion, champion, facts_of, versions_of
from pipelines.card import load_card
from pipelines.features.view import View

KEPT_CHAMPIONS = 10
"""A rollback, or the pool of former champions, may bring back one of so many that served last."""


@dataclass(frozen=True)
class Leftover:
    """A definition that is in no model.yaml any more."""

    view: View
    kinds: object


@dataclass(frozen=True)
class Task:
    """Definitions that no model.yaml has, and the cards of the versions that may answer."""

    leftovers: Sequence[Leftover]
    cards: Sequence[Claim]


def retire(
    sessions: sessionmaker[Session], store: Store, event: Event, model: str, now: datetime
) -> list[Event]:
    """Retire what is not needed of the views that a model defined; say `features.retired`.

    Raises:
        RetryLater: the object store does not answer.
    """
    return handle_once(
        sessions,
        FUNCTION,
        event,
        read=lambda session: _read(session, model, now),
        work=lambda task: _retire(store, task),
        write=partial(_note, event, model, now),
        now=now,
    )


def _read(session: Session, model: str, now: datetime) -> Task:
    current = {view.feast_name for view in defined_by(session, model)}
    leftovers = [
        Leftover(View.from_json(row.definition), row.kinds)
        for row in views_of_model(session, model)
        if row.name not in current
    ]
    if not leftovers or _is_training(session, now):
        return Task((), ())
    live = [each for name in models_with_spec(session) for each in _live(session, name)]
    return Task(leftovers, [each.card for each in live])


def _is_training(session: Session, now: datetime) -> bool:
    """Say whether a run is under way, by a model.yaml that nobody knows: what it makes may use a view."""
    under_way = select(TrainingRun).where(TrainingRun.ended_at.is_(None), TrainingRun.lease_until > now)
    return session.scalars(under_way.limit(1)).first() is not None


def _live(session: Session, model: str) -> list[ModelVersion]:
    """Return the versions that may answer: champions, of now and before, and what is newer than they are."""
    serving = (Fact.PROMOTED, Fact.PROBATION)
    served = {fact.version for fact in facts_of(session, model) if fact.fact in serving}
    kept = set(sorted(served)[-KEPT_CHAMPIONS:])
    newest = champion(session, model) or 0
    return [each for each in versions_of(session, model) if each.version in kept or each.version >= newest]


def _retire(store: Store, task: Task) -> list[View]:
    """Mark what no version uses in the object store, where the feature store's job looks."""
    try:
        used = {view.digest for claim in task.cards for view in load_card(store, claim).views}
        retired = [each for each in task.leftovers if each.view.digest not in used]
        for each in retired:
            said = {
                "name": each.view.feast_name,
                "view": each.view.to_json(),
                "kinds": each.kinds,
                "retired": True,
            }
            raw = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
            store.put(f"{each.view.folder}/view.json", raw)
    except (ObjectMissing, StoreUnavailable) as error:
        raise RetryLater(str(error)) from error
    return [each.view for each in retired]


def _note(event: Event, model: str, now: datetime, session: Session, retired: Sequence[View]) -> list[Event]:
    current = {view.feast_name for view in defined_by(session, model)}
    for view in retired:
        if view.feast_name in current:
            raise Stale(f"the view {view.feast_name} was defined again meanwhile")
        row = session.get_one(FeatureViewRow, view.feast_name, with_for_update=True)
        # As if it had never been made: should a model.yaml define it again, it is made anew.
        row.retired_at, row.applied_at, row.asked_at, row.parts, row.seen = now, None, None, 0, ""
    if not retired:
        return []
    views = [
        DefinedView(name=view.feast_name, view=view.name, uri=f"{view.folder}/view.json") for view in retired
    ]
    said = FeaturesRetired(model=model, views=views)
    return [answer(event, FeaturesRetired.type, source_of(FUNCTION), model, said)]
