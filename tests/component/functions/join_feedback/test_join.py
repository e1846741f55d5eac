"""Labels meet their predictions, each once, in whatever order and however often they are delivered."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from support.feedback import Feedback, predict
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.testing import HandlingFailed, build_event, handle
from functions.join_feedback import join
from functions.join_feedback.app import create_app
from functions.join_feedback.metrics import LabelMetrics
from functions.join_feedback.settings import Settings
from functions.state.database import session_factory
from functions.state.labels import JoinedLabel, WaitingLabel
from functions.state.timers import TimerRow


def test_a_label_joins_its_prediction_and_gets_its_loss(feedback: Feedback) -> None:
    batch = predict(feedback, labels=["yes", "no", "no", "no"])
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.label("yes", prediction_id=batch.ids[1])

    joined = feedback.joined()

    assert (joined.joined, joined.unknown, joined.impossible) == (2, 0, 0)
    assert joined.through == feedback.world.now
    with feedback.world.session() as session:
        rows = session.scalars(select(JoinedLabel).order_by(JoinedLabel.at)).all()
    assert [(row.value, row.loss, row.version) for row in rows] == [("yes", 0.0, 1), ("yes", 1.0, 1)]
    assert feedback.count(WaitingLabel) == 0


def test_what_became_of_each_label_is_in_a_file(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.label("perhaps", prediction_id=batch.ids[1])
    joined = feedback.joined()
    assert joined.labels is not None
    data = feedback.world.store.get(joined.labels.uri, sha256=joined.labels.sha256)
    table = pq.read_table(io.BytesIO(data))
    assert dict(zip(table["prediction_id"].to_pylist(), table["fate"].to_pylist(), strict=True)) == {
        batch.ids[0]: "joined",
        batch.ids[1]: "impossible",
    }


@pytest.mark.case("I", "a label that is not joined is named with its fate")
def test_labels_that_are_not_joined_are_named_single_ones_first_and_files_are_counted(
    feedback: Feedback,
) -> None:
    batch = predict(feedback)
    lines = [f"{batch.ids[1]},no", *(f"{batch.ids[2]},no" for _ in range(30))]
    feedback.file(f"{MODEL}/a@b#1.csv", ("prediction_id,label\n" + "\n".join(lines)).encode())
    feedback.label("perhaps", prediction_id=batch.ids[0])
    joined = feedback.joined()
    assert (joined.refused[0].label_id, joined.refused[0].fate) == ("/tests label-1", "impossible")
    assert len(joined.refused) == 20
    (file,) = joined.files
    assert (file.key, file.joined, file.duplicate) == (f"{MODEL}/a@b#1.csv", 2, 29)


def test_every_event_delivered_twice_changes_nothing(feedback: Feedback) -> None:
    batch = predict(feedback)
    for _ in range(3):
        handle(feedback.app, feedback.label("yes", prediction_id=batch.ids[0]))
    assert feedback.count(WaitingLabel) == 3
    joined = feedback.joined()
    assert (joined.joined, joined.duplicate) == (1, 2)
    assert feedback.count(JoinedLabel) == 1


def test_a_label_redelivered_after_it_was_joined_is_no_second_label(feedback: Feedback) -> None:
    batch = predict(feedback)
    event = feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    handle(feedback.app, event)
    feedback.label("yes", prediction_id=batch.ids[1])
    joined = feedback.joined()
    assert (joined.joined, joined.duplicate) == (1, 0)


def test_two_joinings_at_once_count_each_label_once(
    feedback: Feedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = predict(feedback)
    # A label that waits holds `joined_through` where it is, so that it cannot tell the two apart.
    feedback.label("yes", prediction_id=logged([NOON], seed="not logged").ids[0])
    assert feedback.ring() == []
    feedback.label("yes", prediction_id=batch.ids[0])
    world = feedback.world
    joiner = join.Joiner(session_factory(world.engine), world.store, world.clock, 100, LabelMetrics())
    match_labels = join.match_labels

    def overtaken(*arguments: Any) -> join.Joined:
        matched = match_labels(*arguments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(join, "match_labels", match_labels)
            assert joiner.join(build_event(c.TimerDue.type, id_="other"), MODEL, NOON)
        return matched

    monkeypatch.setattr(join, "match_labels", overtaken)
    told = joiner.join(build_event(c.TimerDue.type, id_="one"), MODEL, NOON)
    assert [c.FeedbackJoined.model_validate(each.data).joined for each in told] in ([], [0])
    assert feedback.count(JoinedLabel) == 1


def test_the_first_label_stands_and_a_contradiction_is_counted(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    feedback.label("no", prediction_id=batch.ids[0])
    assert feedback.joined().contradictory == 1


def test_a_label_after_its_window_is_late(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.world.now = feedback.world.after(101)
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().late == 1


def test_a_label_that_comes_before_its_prediction_is_logged_waits_for_it(feedback: Feedback) -> None:
    times = [NOON]
    batch = logged(times, seed="late")
    feedback.label("yes", prediction_id=batch.ids[0])
    assert [each.type for each in feedback.ring()] == []
    assert feedback.count(WaitingLabel) == 1
    feedback.world.log(batch)
    joined = feedback.joined()
    assert (joined.joined, feedback.count(WaitingLabel)) == (1, 0)


def test_joining_never_claims_to_be_past_a_label_that_waits(feedback: Feedback) -> None:
    known = predict(feedback)
    feedback.world.now = feedback.world.after(1)
    feedback.label("yes", prediction_id=logged([NOON], seed="not logged").ids[0])
    waits_since = feedback.world.now
    feedback.world.now = feedback.world.after(2)
    feedback.label("yes", prediction_id=known.ids[0])
    joined = feedback.joined()
    assert joined.joined == 1
    assert joined.through < waits_since
    unknown = feedback.joined(feedback.world.after(60))
    assert (unknown.unknown, unknown.through) == (1, feedback.world.now)


@pytest.mark.parametrize(
    "identity",
    ["no-uuid", "2f1b8b7e-7f0e-4f0e-9d3c-1f0a5c9b7a11", "ffffffff-ffff-7fff-bfff-ffffffffffff", "a\0b"],
)
def test_a_label_of_an_unknown_prediction_is_unknown_in_the_end(feedback: Feedback, identity: str) -> None:
    predict(feedback)
    feedback.label("yes", prediction_id=identity)
    assert feedback.joined(feedback.world.after(60)).unknown == 1


@pytest.mark.parametrize(
    "spelling", [str.upper, lambda text: f" {text}\n", lambda text: text.replace("-", "")]
)
def test_an_id_is_known_however_it_is_spelt(feedback: Feedback, spelling: Callable[[str], str]) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=spelling(batch.ids[0]))
    assert feedback.joined().joined == 1


def test_a_label_by_entity_joins_the_newest_prediction_before_its_time(feedback: Feedback) -> None:
    predict(feedback, 2, entities=["ann", "bob"])
    newer = predict(feedback, 2, second=10, entities=["ann", "bob"])
    predict(feedback, 1, second=30, entities=["ann"])
    feedback.world.now = feedback.world.after(40)
    feedback.label("yes", entity="ann", time=(NOON + timedelta(seconds=20)).isoformat())
    joined = feedback.joined(feedback.world.after(60))
    assert joined.joined == 1
    with feedback.world.session() as session:
        (row,) = session.scalars(select(JoinedLabel))
    assert (row.prediction_id, row.entity) == (newer.ids[0], "ann")


def test_labels_of_a_canarys_versions_are_kept_apart(feedback: Feedback) -> None:
    feedback.world.version(2)
    old, new = predict(feedback, 2), predict(feedback, 2, second=1, version=2, labels=["yes", "yes"])
    for identity in (*old.ids, *new.ids):
        feedback.label("yes", prediction_id=identity)
    joined = feedback.joined(feedback.world.after(150))
    assert [(each.version, each.matured, each.labelled, each.mean_loss) for each in joined.versions] == [
        (1, 2, 2, 1.0),
        (2, 2, 2, 0.0),
    ]


def test_shadow_answers_are_no_predictions_of_their_own(feedback: Feedback) -> None:
    batch = predict(feedback, labels=["yes"] * 4)
    feedback.world.log(batch.model_copy(update={"version": 2, "shadow": True, "labels": ["no"] * 4}))
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    with feedback.world.session() as session:
        (row,) = session.scalars(select(JoinedLabel))
    assert (row.version, row.loss) == (1, 0.0)


def test_time_moves_on_without_labels_until_everything_has_matured(feedback: Feedback) -> None:
    predict(feedback)
    feedback.label("yes", prediction_id="unknown")
    said = []
    for second in range(2, 200, 3):
        said += feedback.ring(feedback.world.after(second))
    through = [datetime.fromisoformat(each.data["through"]) for each in said]
    assert through == sorted(through)
    assert through[-1] >= NOON + timedelta(seconds=100)
    assert feedback.count(TimerRow) == 0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({}, "a label needs `prediction_id`, or `entity` and `time`"),
        ({"entity": "a", "time": "2026-03-01T12:00:00"}, "has no time zone"),
        ({"entity": "a", "time": "1001-01-01T00:00:00Z"}, "nothing was predicted at 1001"),
        ({"entity": "a", "time": "0001-01-01T00:00:00Z"}, "outside of the years 1000 to 8999"),
    ],
)
def test_a_label_that_names_no_prediction_is_refused(
    feedback: Feedback, names: dict[str, str], said: str
) -> None:
    with pytest.raises(HandlingFailed, match=said):
        feedback.label("yes", **names)


def test_many_labels_are_joined_in_several_goes_and_none_is_forgotten(feedback: Feedback) -> None:
    feedback.app = create_app(
        Settings(feedback.world.url, max_labels=3),
        store=feedback.world.store,
        engine=feedback.world.engine,
        clock=feedback.world.clock,
    )
    batch = predict(feedback, 8)
    for identity in batch.ids:
        feedback.world.now += timedelta(milliseconds=10)
        feedback.label("yes", prediction_id=identity)
    received = feedback.world.now
    first = feedback.joined()
    assert first.joined == 3
    assert first.through < received
    assert [feedback.joined().joined, feedback.joined().joined] == [3, 2]
    assert feedback.count(JoinedLabel) == 8


def test_a_number_is_labelled_with_a_number_and_judged_by_the_scale_of_its_card(database: str) -> None:
    world = World(database)
    world.spec(labels={"window": "100s", "train": False}, task="regression")
    world.version(
        1, classes=None, loss={"rows": 100, "mean": 0.1, "variance": 0.01, "scale": 10.0}, promoted=True
    )
    feedback = Feedback(world)
    batch = predict(feedback, 3, numbers=[1.0, 2.0, 3.0])
    for identity, value in zip(batch.ids, ["3.5", 100, "much"], strict=True):
        feedback.label(value, prediction_id=identity)
    joined = feedback.joined()
    assert (joined.joined, joined.impossible) == (2, 1)
    with world.session() as session:
        assert [row.loss for row in session.scalars(select(JoinedLabel).order_by(JoinedLabel.at))] == [
            0.25,
            1.0,
        ]
    world.engine.dispose()


def test_a_timer_of_another_function_is_refused(feedback: Feedback) -> None:
    payload = {"owner": "govern_training", "key": f"{MODEL}/pending", "due": NOON.isoformat()}
    with pytest.raises(HandlingFailed, match="another function's"):
        handle(feedback.app, build_event(c.TimerDue.type, payload, id_="t"))


def test_a_batch_that_is_logged_late_still_meets_its_labels(feedback: Feedback) -> None:
    batch = logged([NOON + timedelta(seconds=1)], seed="late")
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.ring()
    feedback.world.log(batch)
    assert feedback.joined().joined == 1
