"""Labelled predictions come back as rows that ingest_data takes, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from support.feedback import FeedbackLoop, alarms, play
from support.world import MODEL, World

from eventing import catalogue as c
from eventing.testing import HandlingFailed, MemorySink, handle, object_created
from functions.ingest_data.app import create_app as ingest_app
from functions.ingest_data.settings import Settings as IngestSettings
from functions.release_labels import release
from functions.state.governor import lock_model
from functions.state.labels import JoinedLabel

FIRST = "who,amount,country,churned\n" + "".join(
    f"p{n},{n}.5,{'DE' if n % 2 else 'FR'},{'yes' if n % 3 else 'no'}\n" for n in range(60)
)


@pytest.fixture
def world(database: str) -> Iterator[World]:
    world = World(database)
    world.spec(labels={"window": "10s", "min_rows": 100_000}, retrain={"harm_min_rows": 30}, entity="who")
    world.version(1, loss={"rows": 500, "mean": 0.1, "variance": 0.09, "scale": 1.0}, promoted=True)
    yield world
    world.engine.dispose()


@pytest.fixture
def feedback(world: World) -> FeedbackLoop:
    return FeedbackLoop(world)


def released(world: World) -> list[str]:
    return [each.key for each in world.store.list(f"s3://raw/{MODEL}/labelled/")]


def ingest(world: World) -> Any:
    app = ingest_app(
        IngestSettings(world.url),
        store=world.store,
        engine=world.engine,
        sink=MemorySink(),
        clock=world.clock,
    )

    def take(key: str) -> c.DatasetIngested:
        etag = world.store.head(f"s3://raw/{key}").etag
        event = handle(app, object_created(key, etag=etag, time=world.now))
        assert event is not None
        assert event.type == c.DatasetIngested.type, event.data
        return c.DatasetIngested.model_validate(event.data)

    return take


def test_the_labels_that_raised_an_alarm_come_back_at_once_and_are_ingested(
    world: World, feedback: FeedbackLoop
) -> None:
    take = ingest(world)
    world.store.put(f"s3://raw/{MODEL}/first.csv", FIRST.encode())
    assert take(f"{MODEL}/first.csv").rows == 60

    play(feedback, 100, 0.9, second=0)
    (key,) = released(world)

    ingested = take(key)
    assert (ingested.rows, ingested.quarantined_rows, ingested.parts) == (100, 0, 2)
    with world.session() as session:
        left = session.scalar(select(func.count()).select_from(JoinedLabel).filter_by(release=None))
    assert left == 0
    play(feedback, 40, 0.1, second=80)
    assert released(world) == [key]


def test_while_harm_waits_for_rows_as_many_as_it_needs_are_released(
    world: World, feedback: FeedbackLoop
) -> None:
    take = ingest(world)
    world.store.put(f"s3://raw/{MODEL}/first.csv", FIRST.encode())
    take(f"{MODEL}/first.csv")
    play(feedback, 100, 0.9, second=0)
    assert len(released(world)) == 1
    with world.session() as session:
        lock_model(session, MODEL).pending_reasons = "performance"
    play(feedback, 40, 0.1, second=80)
    assert len(released(world)) == 2


def test_an_alarm_stands_and_is_told_again_only_much_later(world: World, feedback: FeedbackLoop) -> None:
    take = ingest(world)
    world.store.put(f"s3://raw/{MODEL}/first.csv", b"who,amount,churned\np1,1.5,yes\np2,2.5,no\n")
    take(f"{MODEL}/first.csv")
    said = [event for n in range(4) for event in play(feedback, 100, 0.9, second=20 * n)]
    assert len(alarms(said)) == 1
    assert len(released(world)) == 1
    said = [event for n in range(5, 7) for event in play(feedback, 100, 0.9, second=20 * n)]
    assert len(alarms(said)) == 1
    assert len(released(world)) == 2


def test_of_an_entity_that_was_asked_about_often_the_newest_row_comes_back(
    world: World, feedback: FeedbackLoop
) -> None:
    world.spec(labels={"window": "10s", "min_rows": 50}, entity="who")
    take = ingest(world)
    world.store.put(f"s3://raw/{MODEL}/first.csv", b"who,amount,churned\np1,1.5,yes\np2,2.5,no\n")
    take(f"{MODEL}/first.csv")
    play(feedback, 60, 0.0, second=0, entity="ann")
    (key,) = released(world)
    ingested = take(key)
    assert (ingested.rows, ingested.quarantined_rows) == (1, 0)


def without_entities(world: World) -> Any:
    """Have a model whose labelled rows come back 50 at a time, and its first 40 rows; return `ingest`."""
    world.spec(labels={"window": "10s", "min_rows": 50})
    take = ingest(world)
    world.store.put(f"s3://raw/{MODEL}/first.csv", b"amount,churned\n" + b"1.5,yes\n2.5,no\n" * 20)
    take(f"{MODEL}/first.csv")
    return take


def test_a_crash_while_rows_are_given_back_neither_loses_nor_doubles_any(
    world: World, feedback: FeedbackLoop
) -> None:
    take = without_entities(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "end", crash)
        with pytest.raises(HandlingFailed):
            play(feedback, 60, 0.1, second=0)
    (key,) = released(world)
    before = world.store.get(f"s3://raw/{key}")
    play(feedback, 40, 0.1, second=20)
    assert released(world) == [key]
    assert world.store.get(f"s3://raw/{key}") == before
    play(feedback, 20, 0.1, second=40)
    first, second = released(world)
    assert take(first).rows + take(second).rows == 120


def crash(*arguments: object) -> None:
    raise MemoryError("the process ends here")


def test_without_harm_rows_come_back_as_soon_as_the_spec_says(world: World, feedback: FeedbackLoop) -> None:
    take = without_entities(world)
    play(feedback, 40, 0.1, second=0)
    assert released(world) == []
    play(feedback, 40, 0.1, second=20)
    (key,) = released(world)
    assert take(key).rows == 80


def test_a_spec_that_keeps_labels_to_itself_gives_none_back(world: World, feedback: FeedbackLoop) -> None:
    world.spec(labels={"window": "10s", "min_rows": 1, "train": False})
    play(feedback, 40, 0.9, second=0)
    assert released(world) == []
