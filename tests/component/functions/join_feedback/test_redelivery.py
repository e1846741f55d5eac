"""A joining that is killed before its transaction is done over by the event's next delivery."""

from __future__ import annotations

import io
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from support.feedback import Feedback, predict
from support.world import MODEL, NOON

from eventing import catalogue as c
from eventing.testing import HandlingFailed, build_event, handle


def test_a_joining_killed_before_its_transaction_leaves_no_second_file(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.world.now += timedelta(seconds=2)
    payload = {"owner": "join_feedback", "key": f"{MODEL}/join", "due": NOON.isoformat()}
    event = build_event(c.TimerDue.type, payload, id_="timer-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("functions.join_feedback.join.write_joined", crash)
        with pytest.raises(HandlingFailed):
            handle(feedback.app, event)
    feedback.world.now += timedelta(hours=1)

    reply = handle(feedback.app, event)

    assert reply is not None
    told = c.FeedbackJoined.model_validate(reply.data)
    (file,) = feedback.world.store.list("s3://labels/")
    assert told.labels is not None
    assert told.labels.uri == f"s3://labels/{file.key}"
    assert feedback.world.store.get(told.labels.uri, sha256=told.labels.sha256)


@pytest.mark.case("I", "one label row in two files after a redelivery")
def test_a_joining_overtaken_after_it_wrote_leaves_no_row_twice(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.world.now += timedelta(seconds=2)
    payload = {"owner": "join_feedback", "key": f"{MODEL}/join", "due": NOON.isoformat()}
    first, second = (build_event(c.TimerDue.type, payload, id_=f"timer-{n}") for n in (1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("functions.join_feedback.join.write_joined", crash)
        with pytest.raises(HandlingFailed):
            handle(feedback.app, first)

    assert handle(feedback.app, second) is not None
    handle(feedback.app, first)

    files = [feedback.world.store.get(each.uri) for each in feedback.world.store.list("s3://labels/")]
    rows = [row for file in files for row in pq.read_table(io.BytesIO(file))["label_id"].to_pylist()]
    assert rows == ["/tests label-1"]


def crash(*arguments: object) -> None:
    raise MemoryError("the process ends here")
