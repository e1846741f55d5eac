"""A label counts by when it came, not by when a backlog let it be handled; a late one is trained on."""

from __future__ import annotations

import io
import itertools
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from support.feedback import Feedback, FeedbackLoop, alarms, predict
from support.world import DIGEST, MODEL, NOON, World

from eventing.catalogue import Claim
from functions.ingest_data.schema import Column, DataSchema
from functions.record_events.progress import feedback_of
from functions.state import datasets
from functions.state.labels import FeedbackRow, JoinedLabel, labels_between
from pipelines.spec import Kind

WINDOW_S = 100


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def rows(feedback: Feedback) -> list[JoinedLabel]:
    with feedback.world.session() as session:
        return list(session.scalars(select(JoinedLabel).order_by(JoinedLabel.at)))


def test_a_label_that_a_backlog_held_up_past_its_window_is_not_late(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.world.now = at(500)
    feedback.label("yes", prediction_id=batch.ids[0], at=at(40))
    feedback.label("no", prediction_id=batch.ids[1], at=at(WINDOW_S + 1))
    told = feedback.joined(at(502))
    assert (told.joined, told.late, told.overtaken) == (1, 1, 0)
    first, second = rows(feedback)
    assert (first.late, first.received_at, first.loss) == (False, at(40), 1.0)
    assert (second.late, second.value, second.loss) == (True, "no", 0.0)


def test_a_file_s_labels_have_the_time_at_which_it_was_written(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.world.now = at(500)
    text = f"prediction_id,label\n{batch.ids[0]},yes\n".encode()
    feedback.file(f"{MODEL}/a.csv", text, written=at(60))
    assert feedback.joined(at(502)).joined == 1
    assert rows(feedback)[0].received_at == at(60)


def test_what_is_joined_stays_as_far_behind_as_labels_are_on_their_way(feedback: Feedback) -> None:
    first, second = predict(feedback), predict(feedback, second=90)
    feedback.world.now = at(140)
    feedback.label("yes", prediction_id=first.ids[0], at=at(95), arrived=at(95))
    assert feedback.joined(at(142)).through == at(97)  # nothing has matured that a label may be on its way to
    feedback.label("yes", prediction_id=second.ids[0], at=at(98), arrived=at(98))
    told = feedback.joined(at(144))
    assert (told.joined, told.overtaken, told.through) == (1, 0, at(99))
    moved = [each for second in range(146, 260, 2) for each in feedback.ring(at(second))]
    assert max(datetime.fromisoformat(each.data["through"]) for each in moved) > at(190)


def test_one_that_is_handled_after_its_prediction_counted_as_unlabelled_is_counted_and_trained_on(
    feedback: Feedback,
) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    for second in range(2, 140, 4):
        feedback.ring(at(second))
    feedback.label("yes", prediction_id=batch.ids[1], at=at(50), arrived=at(50))
    told = feedback.joined(at(142))
    assert (told.joined, told.overtaken, told.late) == (1, 1, 0)
    assert [row.late for row in rows(feedback)] == [False, False]


def test_the_shares_of_what_was_not_joined_in_time_are_kept_and_counted(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.world.now = at(300)
    feedback.label("yes", prediction_id=batch.ids[0], at=at(10))
    feedback.label("no", prediction_id=batch.ids[0], at=at(20))
    feedback.label("no", prediction_id=batch.ids[1], at=at(290))
    feedback.label("no", prediction_id="who knows", at=at(290))
    feedback.label("no", prediction_id=batch.ids[2], at=at(-60))
    feedback.label("no", prediction_id=batch.ids[3], at=at(400))
    told = [feedback.joined(at(302)), feedback.joined(at(360))]
    assert [each.skewed for each in told] == [2, 0]
    with feedback.world.session() as session:
        known = feedback_of(session, MODEL)
    assert known is not None
    assert known["fates"] == {
        "since": at(302).isoformat().replace("+00:00", "Z"),
        **{"joined": 2, "contradictory": 1, "late": 2, "unknown": 1, "skewed": 2},
    }
    page = feedback.app.test_client().get("/metrics").text
    for line in (
        f'kascade_labels_total{{fate="joined",model="{MODEL}"}} 2.0',
        f'kascade_labels_total{{fate="late",model="{MODEL}"}} 2.0',
        f'kascade_labels_skewed_total{{model="{MODEL}"}} 2.0',
        f'kascade_labels_behind_seconds{{model="{MODEL}"}} 0.0',
    ):
        assert line in page


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_labels_that_are_handled_in_another_order_and_twice_leave_the_same(
    feedback: Feedback, order: tuple[int, ...]
) -> None:
    batch = predict(feedback)
    feedback.world.now = at(50)
    said = [("no", 30), ("yes", 20), ("yes", 40)]
    for second, place in enumerate([*order, *order]):
        value, received = said[place]
        feedback.number = 10 * place  # the same event each time
        feedback.label(value, prediction_id=batch.ids[0], at=at(received))
        feedback.number = 100 + second
        feedback.ring(at(52 + 2 * second))
    (row,) = rows(feedback)
    assert (row.value, row.label_id, row.received_at, row.loss) == ("yes", "/tests label-11", at(20), 1.0)


def test_a_late_label_is_trained_on_and_is_no_evidence(database: str) -> None:
    world = World(database)
    world.spec(labels={"window": "10s", "min_rows": 100}, entity="who")
    world.version(1, loss={"rows": 500, "mean": 0.1, "variance": 0.09, "scale": 1.0}, promoted=True)
    schema = DataSchema((Column("amount", Kind.NUMBER), Column("churned", Kind.CATEGORY)), "churned")
    with world.session() as session:
        dataset = datasets.lock_dataset(session, MODEL)
        claim = Claim(uri="s3://datasets/churn/schemas/1", sha256=DIGEST)
        datasets.keep_schema(session, dataset, claim=claim, document=schema.to_json(), now=NOON)
    loop = FeedbackLoop(world)
    batch = predict(loop, 300, labels=["yes"] * 300, entities=[f"{n}" for n in range(300)])
    world.now = at(20)
    text = "prediction_id,label\n" + "".join(f"{identity},no\n" for identity in batch.ids)
    loop.file(f"{MODEL}/late.csv", text.encode())
    said = [event for second in range(22, 60, 2) for event in loop.ring(at(second))]
    assert sum(event.data.get("late", 0) for event in said) == 300
    assert alarms(said) == []
    with world.session() as session:
        assert labels_between(session, MODEL, NOON, at(60)) == []
        assert session.get_one(FeedbackRow, MODEL).harm["n"] == 0
    (file,) = world.store.list(f"s3://raw/{MODEL}/labelled/")
    released = pq.read_table(io.BytesIO(world.store.get(f"s3://raw/{file.key}")))
    assert (released.num_rows, set(released["churned"].to_pylist())) == (300, {"no"})
    world.engine.dispose()
