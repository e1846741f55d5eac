"""What the state tells Prometheus: counts that outlive processes, dead letters, and where models stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event as sql
from support.world import MODEL, NOON, World

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import MemorySink, build_event, handle
from functions.record_events.app import create_app
from functions.record_events.settings import Settings
from kascade.scaffold.examples import example_of


@pytest.fixture
def world(database: str) -> Iterator[World]:
    made = World(database)
    yield made
    made.engine.dispose()


def new_app(world: World) -> Flask:
    return create_app(Settings(world.url), sink=MemorySink(), clock=world.clock)


def ended(outcome: str, id_: str) -> Event:
    payload = c.RolloutCompleted(model=MODEL, version=2, outcome=outcome, message="m")  # type: ignore[arg-type]
    return build_event(payload.type, payload, subject=f"{MODEL}/v2", id_=id_)


def scraped(app: Flask) -> dict[tuple[str, ...], float]:
    """Return the samples by name and the values of their labels."""
    families = text_string_to_metric_families(app.test_client().get("/metrics").text)
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels))): each.value
        for family in families
        for each in family.samples
        if not each.name.startswith(("kascade_event_", "kascade_events_"))
    }


def test_an_empty_state_tells_nothing_and_fails_nothing(world: World) -> None:
    assert scraped(new_app(world)) == {("kascade_dead_letters", ""): 0.0}


def test_events_are_counted_by_model_and_type_in_every_process_alike(world: World) -> None:
    world.spec()
    app = new_app(world)
    assert scraped(app)["kascade_ledger_events_total", MODEL, "training.failed"] == 0.0
    assert scraped(app)["kascade_rollouts_total", MODEL, "rolled_back"] == 0.0

    handle(app, build_event(c.TrainingFailed.type, example_of(c.TrainingFailed), subject="churn/v2", id_="f"))
    handle(app, build_event("com.example.anything", {}, subject="Nobody's", id_="x"))
    handle(app, build_event("com.amazonaws.s3.ObjectCreated:Put", {}, subject="churn/a.csv", id_="o"))
    handle(app, ended("rolled_back", "r1"))
    first = scraped(app)
    handle(app, ended("rolled_back", "r2"))
    handle(app, ended("promoted", "r3"))
    for each in (app, new_app(world)):
        found = scraped(each)
        assert found["kascade_ledger_events_total", MODEL, "training.failed"] == 1.0
        assert found["kascade_ledger_events_total", MODEL, "rollout.completed"] == 3.0
        assert found["kascade_ledger_events_total", MODEL, "com.amazonaws.s3"] == 1.0
        assert found["kascade_ledger_events_total", "", "other"] == 1.0
        assert found["kascade_rollouts_total", MODEL, "rolled_back"] == 2.0
        assert found["kascade_rollouts_total", MODEL, "promoted"] == 1.0
        assert found[("kascade_ledger_newest_timestamp_seconds",)] == NOON.timestamp()
    assert first["kascade_rollouts_total", MODEL, "rolled_back"] == 1.0


def test_a_second_scrape_reads_only_what_came_since(world: World) -> None:
    app = new_app(world)
    for number in range(5):
        handle(app, ended("promoted", f"e{number}"))
    scraped(app)
    read: list[str] = []
    listening = app.extensions["kascade.metrics"].registry
    assert listening is not None
    sql.listen(
        world.engine.__class__, "before_cursor_execute", note := lambda *given: read.append(str(given[2]))
    )
    try:
        scraped(app)
    finally:
        sql.remove(world.engine.__class__, "before_cursor_execute", note)
    assert not [each for each in read if "GROUP BY ledger.type" in each]
    assert any("max(ledger.seq)" in each for each in read)


def test_dead_letters_that_wait_are_counted(world: World) -> None:
    app = new_app(world)
    dead = build_event(c.TrainingFailed.type, {}, subject="churn/v2", id_="d")
    client = app.test_client()
    headers: dict[str, Any] = {"ce-id": dead.id, "ce-source": dead.source, "ce-type": dead.type}
    answer = client.post("/dead-letters", json={}, headers={**headers, "ce-specversion": "1.0"})
    assert answer.status_code < 300
    assert scraped(app)["kascade_dead_letters", "training.failed"] == 1.0


def test_where_a_model_stands_is_told(world: World) -> None:
    world.spec()
    world.version(1, promoted=True)
    found = scraped(new_app(world))
    assert found["kascade_model_champion_version", MODEL] == 1.0
    assert found["kascade_model_breaker_open", MODEL] == 0.0
    assert found["kascade_model_labels_waiting", MODEL] == 0.0
