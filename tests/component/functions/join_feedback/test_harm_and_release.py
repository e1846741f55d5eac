"""Harm is noticed once, and what was labelled since comes back as rows that ingest_data takes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from support.feedback import Feedback, predict
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, MemorySink, build_event, handle, object_created
from functions.ingest_data.app import Deps as IngestDeps
from functions.ingest_data.app import create_app as ingest_app
from functions.ingest_data.settings import Settings as IngestSettings
from functions.join_feedback import release
from functions.state.labels import JoinedLabel


@pytest.fixture
def world(database: str) -> Iterator[World]:
    world = World(database)
    world.spec(labels={"window": "10s", "min_rows": 100_000}, retrain={"harm_min_rows": 30}, entity="who")
    world.version(1, loss={"rows": 500, "mean": 0.1, "variance": 0.09, "scale": 1.0}, promoted=True)
    yield world
    world.engine.dispose()


@pytest.fixture
def feedback(world: World) -> Feedback:
    return Feedback(world)


def play(
    feedback: Feedback, rows: int, wrong: float, *, second: float, entity: str | None = None, seed: int = 0
) -> list[Event]:
    """Let a batch be predicted and labelled, a share of it wrongly; return what is said of it."""
    rng = random.Random(seed)
    entities = [entity] * rows if entity else [f"{second}-{row}" for row in range(rows)]
    batch = predict(feedback, rows, second=second, labels=["yes"] * rows, entities=entities)
    feedback.world.now = feedback.world.after(second + 1)
    lines = [f"{identity},{'no' if rng.random() < wrong else 'yes'}" for identity in batch.ids]
    text = "prediction_id,label\n" + "\n".join(lines) + "\n"
    feedback.file(f"{MODEL}/{second}.csv", text.encode(), etag=f"{second}")
    said = feedback.ring(feedback.world.after(second + 3))
    for later in range(4, 16, 2):
        said += feedback.ring(feedback.world.after(second + later))
    return said


def alarms(events: list[Event]) -> list[c.PerformanceDegraded]:
    return [c.PerformanceDegraded.model_validate(e.data) for e in events if e.type == c.PERFORMANCE_DEGRADED]


def test_errors_as_on_the_holdout_raise_no_alarm(feedback: Feedback) -> None:
    said = [event for n in range(10) for event in play(feedback, 200, 0.1, second=20 * n, seed=n)]
    assert alarms(said) == []


def test_more_errors_than_promised_raise_one_alarm_with_its_numbers(feedback: Feedback) -> None:
    said = play(feedback, 200, 0.1, second=0) + play(feedback, 100, 0.7, second=20)
    (alarm,) = alarms(said)
    assert alarm.version == 1
    assert alarm.statistic >= alarm.threshold
    assert 0.1 < alarm.baseline < 0.15
    assert 200 < alarm.labels < 260
    assert 0.1 < alarm.mean_loss < 0.8


def test_repeated_labels_of_one_entity_are_one_label(feedback: Feedback) -> None:
    said = [event for n in range(5) for event in play(feedback, 100, 1.0, second=20 * n, entity="ann")]
    assert alarms(said) == []


def test_a_new_champion_starts_anew(feedback: Feedback) -> None:
    assert alarms(play(feedback, 100, 0.7, second=0))
    feedback.world.version(2, promoted=True)
    assert alarms(play(feedback, 100, 0.7, second=20)) == []


def test_labels_that_are_not_mature_do_not_count_yet(feedback: Feedback) -> None:
    batch = predict(feedback, 100, labels=["yes"] * 100)
    text = "prediction_id,label\n" + "".join(f"{identity},no\n" for identity in batch.ids)
    feedback.file(f"{MODEL}/early.csv", text.encode())
    assert alarms(feedback.ring(feedback.world.after(5))) == []
    assert alarms(feedback.ring(feedback.world.after(12)))


def released(world: World) -> list[str]:
    return [each.key for each in world.store.list(f"s3://raw/{MODEL}/labelled/")]


def ingest(world: World) -> Any:
    app = ingest_app(
        IngestSettings(world.url), IngestDeps(world.store, world.engine, MemorySink(), world.clock)
    )

    def take(key: str) -> c.DatasetIngested:
        etag = world.store.head(f"s3://raw/{key}").etag
        event = handle(app, object_created(key, etag=etag, time=world.now))
        assert event is not None
        assert event.type == c.DATASET_INGESTED, event.data
        return c.DatasetIngested.model_validate(event.data)

    return take


def test_after_an_alarm_enough_rows_labelled_since_come_back_and_are_ingested(
    world: World, feedback: Feedback
) -> None:
    take = ingest(world)
    first = "who,amount,country,churned\n" + "".join(
        f"p{n},{n}.5,{'DE' if n % 2 else 'FR'},{'yes' if n % 3 else 'no'}\n" for n in range(60)
    )
    world.store.put(f"s3://raw/{MODEL}/first.csv", first.encode())
    assert take(f"{MODEL}/first.csv").rows == 60

    play(feedback, 100, 0.9, second=0)
    assert released(world) == []
    play(feedback, 60, 0.9, second=40)
    (key,) = released(world)

    ingested = take(key)
    assert (ingested.rows, ingested.quarantined_rows, ingested.parts) == (160, 0, 2)
    with world.session() as session:
        left = session.scalar(select(func.count()).select_from(JoinedLabel).filter_by(release=None))
    assert left == 0
    play(feedback, 10, 0.1, second=80)
    assert released(world) == [key]


def test_an_alarm_stands_and_is_told_again_only_much_later(world: World, feedback: Feedback) -> None:
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
    world: World, feedback: Feedback
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
    world: World, feedback: Feedback
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


def test_without_harm_rows_come_back_as_soon_as_the_spec_says(world: World, feedback: Feedback) -> None:
    take = without_entities(world)
    play(feedback, 40, 0.1, second=0)
    assert released(world) == []
    play(feedback, 40, 0.1, second=20)
    (key,) = released(world)
    assert take(key).rows == 80


def test_a_spec_that_keeps_labels_to_itself_gives_none_back(world: World, feedback: Feedback) -> None:
    world.spec(labels={"window": "10s", "min_rows": 1, "train": False})
    play(feedback, 40, 0.9, second=0)
    assert released(world) == []


def test_a_timer_of_another_function_is_refused(feedback: Feedback) -> None:
    from eventing.testing import HandlingFailed

    payload = {"owner": "govern_training", "key": f"{MODEL}/pending", "due": NOON.isoformat()}
    with pytest.raises(HandlingFailed, match="another function's"):
        handle(feedback.app, build_event(c.TIMER_DUE, payload, id_="t"))


def test_a_batch_that_is_logged_late_still_meets_its_labels(feedback: Feedback) -> None:
    batch = logged([NOON + timedelta(seconds=1)], seed="late")
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.ring()
    feedback.world.log(batch)
    assert feedback.joined().joined == 1
