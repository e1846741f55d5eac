"""Compares the online store with the offline rows: both say the same of each entity of a sample.

A person asks for it, and a timer, as long as the model has views that are served.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import CheckedView, FeaturesChecked, FeaturesRequested, TimerDue, source_of
from eventing.errors import Rejected
from eventing.event import Event, answer
from eventing.store import Store
from functions.materialize_features.feature_server import FeatureServer, ViewUnknown, plain
from functions.materialize_features.logic import BATCH_ROWS, FUNCTION, entity_key, same
from functions.materialize_features.materialize import stored_rows
from functions.materialize_features.metrics import FeatureMetrics
from functions.state.database import transaction
from functions.state.features import FeatureViewRow, views_of_model
from functions.state.timers import cancel_timer, ring_by, set_timer
from pipelines.features.aggregation import latest
from pipelines.features.view import EVENT_TIMESTAMP, View

SAMPLE = 1000
"""Entities of each view that a timer has compared."""

_EXAMPLES = 10
_TEXT = 300

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Checking:
    """Compares models' views; `every` is how often a timer has it done, None for never."""

    sessions: sessionmaker[Session]
    store: Store
    server: FeatureServer
    metrics: FeatureMetrics
    every: timedelta | None

    def asked(self, event: Event, payload: FeaturesRequested, now: datetime) -> list[Event]:
        """Compare the views that a model defines, as somebody asks; say `features.checked`.

        Raises:
            Rejected: it defines none that has rows.
            RetryLater: a peer does not answer.
        """
        compared = self._compare(event, payload.model, payload.sample, now)
        if compared is None:
            raise Rejected(f"{payload.model} defines no view that has rows")
        return [compared]

    def due(self, event: Event, payload: TimerDue, now: datetime) -> list[Event]:
        """Compare a sample of each view because it is time to; set the timer for the next time first.

        Raises:
            RetryLater: a peer does not answer.
        """
        model = model_of(payload)
        if self.every is not None:
            with transaction(self.sessions) as session:
                set_timer(session, FUNCTION, timer_key(model), now + self.every)
        compared = self._compare(event, model, SAMPLE, now)
        if compared is None:
            with transaction(self.sessions) as session:
                cancel_timer(session, FUNCTION, timer_key(model))
        return [] if compared is None else [compared]

    def compare_later(self, session: Session, model: str, now: datetime) -> None:
        """Have a model's views compared when the time has come; what is to come earlier stays."""
        if self.every is not None:
            ring_by(session, FUNCTION, timer_key(model), now + self.every, now=now)

    def _compare(self, event: Event, model: str, sample: int, now: datetime) -> Event | None:
        """Compare; return what is to be said, None where there is no view that has rows."""
        with transaction(self.sessions, read_only=True) as session:
            rows = [row for row in views_of_model(session, model) if row.parts]
            views = [(View.from_json(row.definition), row.applied_at is not None) for row in rows]
        if not views:
            return None
        found = [
            _checked(self.store, self.server, view, known, sample, event.id, now) for view, known in views
        ]
        with transaction(self.sessions) as session:
            for each in found:
                self.metrics.checked(model, each)
                session.get_one(FeatureViewRow, each.name).checked = {
                    "at": now.isoformat(),
                    "entities": each.entities,
                    "differing": each.differing,
                    "problem": each.problem,
                }
        consistent = not any(each.differing or each.problem for each in found)
        payload = FeaturesChecked(model=model, consistent=consistent, views=found)
        return answer(event, FeaturesChecked.type, source_of(FUNCTION), model, payload)


def model_of(payload: TimerDue) -> str:
    """Return the model that a timer is about."""
    return payload.key.partition("/")[0]


def timer_key(model: str) -> str:
    """Return the key of the timer that has a model's views compared."""
    return f"{model}/check"


def _checked(
    store: Store, server: FeatureServer, view: View, known: bool, sample: int, seed: str, now: datetime
) -> CheckedView:
    checked = CheckedView(view=view.name, name=view.feast_name, entities=0, differing=0)
    if not known:
        return checked.model_copy(update={"problem": "the feature store does not know this view yet"})
    offline = _offline(store, view, now)
    chosen = random.Random(seed).sample(sorted(offline), min(sample, len(offline)))  # noqa: S311
    try:
        differing = _differences(server, view, {key: offline[key] for key in chosen})
        if differing:  # values may have come while this looked: both sides once more
            offline = _offline(store, view, now)
            differing = _differences(server, view, {key: offline[key] for key in differing if key in offline})
    except ViewUnknown as error:
        return checked.model_copy(update={"problem": str(error)[:_TEXT]})
    return checked.model_copy(
        update={
            "entities": len(chosen),
            "differing": len(differing),
            "examples": list(differing.values())[:_EXAMPLES],
        }
    )


def _offline(store: Store, view: View, now: datetime) -> Rows:
    rows = stored_rows(store, view)
    if rows is None:
        return {}
    return {entity_key([row[n] for n in view.entity]): row for row in latest(view, rows, now).to_pylist()}


def _differences(server: FeatureServer, view: View, offline: Rows) -> dict[str, str]:
    """Say of each entity whose online values are not the offline ones how they differ."""
    found: dict[str, str] = {}
    keys = list(offline)
    for start in range(0, len(keys), BATCH_ROWS):
        batch = keys[start : start + BATCH_ROWS]
        entities = {name: [offline[key][name] for key in batch] for name in view.entity}
        online = server.read(view, entities)
        for number, key in enumerate(batch):
            row, there = offline[key], online.at[number]
            if there != row[EVENT_TIMESTAMP].replace(microsecond=0):
                found[key] = f"{key}: {there} online, {row[EVENT_TIMESTAMP]} offline"[:_TEXT]
                continue
            for name in view.features:
                expected, value = plain(row[name]), online.values[name][number]
                if not same(expected, value):
                    found[key] = f"{key}: {name} is {value!r} online, {expected!r} offline"[:_TEXT]
    return found
