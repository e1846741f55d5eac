"""Rows of the release before, whose join_feedback watched the champion too, are continued."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert
from support.feedback import FeedbackLoop, predict
from support.world import MODEL, NOON, World

from eventing import catalogue as c
from eventing.testing import build_event, handle
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.migrate import upgrade
from functions.watch_performance.records import read_progress

SUMS = [0.5, 0.25, 0.125, 1.0]


def test_labels_that_were_taken_in_are_not_taken_in_again(empty_database: str) -> None:
    world = World(empty_database)
    upgrade(world.engine, "0005")
    known = {
        "model": MODEL,
        "joined_through": NOON + timedelta(seconds=20),
        "harm": {"sums": SUMS, "n": 3, "crossed": None},
        "harm_version": 1,
        "harm_at": NOON + timedelta(milliseconds=2),
        "harm_id": "",
        "alarmed_at": NOON - timedelta(hours=1),
        "alarms": {"7": NOON.isoformat()},
    }
    with world.session() as session:
        session.execute(insert(FeedbackRow).values(known))
    upgrade(world.engine)
    with world.session() as session:
        before = read_progress(session, MODEL)
    assert (before.test.sums, before.test.n) == (tuple(SUMS), 3)
    assert (before.through, before.alarmed_at) == (known["joined_through"], known["alarmed_at"])

    world.spec(labels={"window": "10s"})
    world.version(1, promoted=True)
    loop = FeedbackLoop(world)
    batch = predict(loop, 5, labels=["yes"] * 5)
    with world.session() as session:
        for row, prediction_id in enumerate(batch.ids):
            at = NOON + timedelta(milliseconds=row)
            names = {"label_id": f"l{row}", "received_at": at, "value": "yes", "loss": 0.0}
            session.add(JoinedLabel(model=MODEL, prediction_id=prediction_id, at=at, version=1, **names))
        session.get_one(FeedbackRow, MODEL).harm_id = batch.ids[2]
    payload = {"model": MODEL, "through": (NOON + timedelta(seconds=30)).isoformat(), "joined": 0}
    assert handle(loop.watch, build_event(c.FeedbackJoined.type, payload, id_="joined")) is None

    with world.session() as session:
        after = read_progress(session, MODEL)
    assert (after.test.n, after.prediction_id) == (5, batch.ids[4])
    assert (after.version, after.alarmed_at, after.alarms) == (1, before.alarmed_at, before.alarms)
    world.engine.dispose()
