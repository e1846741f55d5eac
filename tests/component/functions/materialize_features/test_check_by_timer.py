"""The comparison of online and offline that nobody asks for: a timer does, again and again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.features import NOW, Features, MemoryFeatureServer, applied_by
from support.tables import create_tables

from eventing.catalogue import FeaturesChecked, TimerDue
from eventing.errors import RetryLater
from eventing.store import MemoryStore
from eventing.testing import HandlingFailed, build_event
from functions.materialize_features.app import create_app
from functions.materialize_features.settings import Settings
from functions.record_events.progress import features_of
from functions.state.database import make_engine, session_factory, transaction
from functions.state.specs import spec_of
from functions.state.timers import Timer, due
from pipelines.features.view import View

SPEC = """
target: churned
entity: customer
timestamp: at
schema: {customer: text}
features:
  views: [{name: activity, aggregations: [{of: amount, function: sum, window: 7d, as: total}]}]
"""
FIRST = "customer,at,amount,churned\nZoë,2026-11-20T10:00:00Z,1,0\nb,2026-11-20T11:00:00Z,2,1\n"
HOUR = timedelta(hours=1)


class World:
    """The function, and its timers."""

    def __init__(self, folder: Path) -> None:
        self.engine: Engine = make_engine(f"sqlite:///{folder / 'state.db'}")
        create_tables(self.engine)
        self.server = MemoryFeatureServer()
        self.features = Features(MemoryStore(), self.engine, self.server, applied_by(self.server), folder)

    def timers(self) -> list[Timer]:
        with transaction(session_factory(self.engine)) as session:
            return due(session, NOW + timedelta(days=9), 9)

    def ring(self) -> list[dict[str, Any]]:
        """Let the one timer ring at its time; return what is said of it."""
        (timer,) = self.timers()
        self.features.now = timer.due
        rung = {"owner": timer.owner, "key": timer.key, "due": timer.due.isoformat()}
        said = self.features.deliver(build_event(TimerDue.type, rung))
        return [each.data for each in said if each.type == FeaturesChecked.type]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.features.drop("churn/model.yaml", SPEC)
    return made


def test_served_views_are_compared_each_hour(world: World) -> None:
    assert world.timers() == []
    world.features.drop("churn/1.csv", FIRST)
    assert [(each.owner, each.key, each.due) for each in world.timers()] == [
        ("materialize_features", "churn/check", NOW + HOUR)
    ]
    (first,) = world.ring()
    assert (first["consistent"], first["views"][0]["entities"]) == (True, 2)
    assert [each.due for each in world.timers()] == [NOW + 2 * HOUR]

    table = world.server.rows[first["views"][0]["name"]]
    table["b",] = {**table["b",], "total": 9.0}
    (second,) = world.ring()

    assert (second["consistent"], second["views"][0]["differing"]) == (False, 1)
    with transaction(session_factory(world.engine)) as session:
        (view,) = features_of(session, "churn", spec_of(session, "churn"))
    assert view["checked"] == {
        "at": (NOW + 2 * HOUR).isoformat(),
        "entities": 2,
        "differing": 1,
        "problem": None,
    }


def test_a_feature_server_that_is_away_does_not_end_it(world: World) -> None:
    world.features.drop("churn/1.csv", FIRST)

    def away(view: View, entities: Any) -> Any:
        raise RetryLater("it does not answer")

    world.server.read = away  # type: ignore[method-assign]
    with pytest.raises(HandlingFailed) as failed:
        world.ring()
    assert failed.value.status == 503
    assert [each.due for each in world.timers()] == [NOW + 2 * HOUR]


def test_more_data_does_not_put_it_off(world: World) -> None:
    world.features.drop("churn/1.csv", FIRST)
    world.features.now += HOUR / 2
    world.features.drop("churn/2.csv", FIRST.replace("11-20", "11-21"))
    assert [each.due for each in world.timers()] == [NOW + HOUR]


def test_without_a_period_nobody_asks(world: World, tmp_path: Path) -> None:
    url = str(world.engine.url)
    world.features.app = create_app(
        Settings(url, check_every_s=0),
        store=world.features.store,
        engine=world.engine,
        server=world.server,
        sink=world.features.sink,
        clock=lambda: NOW,
    )
    world.features.drop("churn/1.csv", FIRST)
    assert world.timers() == []
