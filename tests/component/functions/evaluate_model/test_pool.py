"""Former champions are held against the labels that mature, and one that is better by now is called back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from support.replay.again import assert_decided_again
from support.world import NOON, logged

from eventing import catalogue as kinds
from eventing.event import Event
from eventing.testing import build_event, handle
from functions.evaluate_model import pool_records
from functions.inferences.log import table_of, to_parquet
from functions.state import versions
from functions.state.database import transaction
from functions.state.inferences import InferenceBatch, add_batch
from functions.state.labels import JoinedLabel
from functions.state.pools import PoolRow
from functions.state.rollouts import lock_rollout

if TYPE_CHECKING:
    from conftest import Gate

YES, NO = {"x1": 2.0}, {"x1": -2.0}
"""Models that say yes, or no, where x1 is positive."""
WINDOW = timedelta(seconds=10)


class Pool:
    """evaluate_model, where v1 said yes, was champion, and v2, which says no, is champion since."""

    def __init__(self, gate: Gate, spec: str = "") -> None:
        self.gate = gate
        for bucket in ("inferences", "reports"):
            gate.store.ensure_bucket(bucket)
        gate.register_spec(f"gate: {{margin: 9.0}}\nlabels: {{window: 10s}}\n{spec}")
        for version, weights in ((1, YES), (2, NO)):
            gate.ask(gate.candidate(version, weights))
            gate.promote(version)
        self.number = 0

    def serve(self, second: float, rows: int, truth: str, *, entity: str | None = None) -> list[str]:
        """Log what the champion, v2, answered to rows with a positive x1; their labels are `truth`."""
        at = NOON + timedelta(seconds=second)
        times = [at + timedelta(milliseconds=row) for row in range(rows)]
        entities = None if entity is None else [entity] * rows
        inputs: dict[str, list[Any]] = {"x1": [1.0] * rows}
        batch = logged(
            times, version=2, labels=["no"] * rows, inputs=inputs, entities=entities, seed=str(second)
        )
        uri = f"s3://inferences/churn/{second}.parquet"
        claim = self.gate.store.put(uri, to_parquet(table_of(batch)))
        row = InferenceBatch(source="s", event_id=uri, model="churn", version=2, shadow=False, window=None)
        row.uri, row.sha256, row.rows, row.failures = claim.uri, claim.sha256, rows, 0
        row.first, row.last, row.recorded_at = times[0], times[-1], times[-1]
        with transaction(self.gate.sessions) as session:
            add_batch(session, row)
            for identity, when in zip(batch.ids, times, strict=True):
                label = JoinedLabel(model="churn", prediction_id=identity, at=when, version=2, value=truth)
                label.loss, label.entity = float(truth != "no"), entity
                label.label_id, label.received_at = f"l-{identity}", when
                session.add(label)
        return batch.ids

    def joined(self, second: float, *, id_: str = "") -> Event | None:
        """Say that labels are joined through so many seconds and the window after."""
        self.number += 1
        through = NOON + timedelta(seconds=second) + WINDOW
        payload = kinds.FeedbackJoined(model="churn", through=through, joined=1)
        event = build_event(kinds.FeedbackJoined.type, payload, id_=id_ or f"joined-{self.number}")
        answer = handle(self.gate.app, event)
        if answer is not None:
            assert_decided_again([answer], self.gate.store)
        return answer

    def former(self) -> dict[str, Any]:
        with transaction(self.gate.sessions, read_only=True) as session:
            state = session.get_one(PoolRow, "churn").state
        assert state is not None
        (former,) = state["formers"]
        return dict(former)


@pytest.fixture
def pool(gate: Gate) -> Pool:
    return Pool(gate)


def recalled(event: Event | None) -> kinds.ModelRecalled:
    assert event is not None
    assert (event.type, event.subject) == (kinds.ModelRecalled.type, "churn/v1")
    return kinds.ModelRecalled.model_validate(event.data)


def test_a_former_champion_that_is_right_again_is_called_back_with_its_numbers(pool: Pool) -> None:
    pool.serve(1, 300, "no")
    assert pool.joined(5) is None
    pool.serve(10, 300, "yes")
    found = recalled(pool.joined(20))
    assert (found.version, found.champion_version, found.labels) == (1, 2, 600)
    assert found.statistic >= found.threshold == 5_000
    assert "v1 was champion before, and loses less than v2 by now" in found.message


def test_labels_that_came_after_their_window_are_no_evidence(pool: Pool) -> None:
    pool.serve(1, 600, "yes")
    with transaction(pool.gate.sessions) as session:
        session.execute(update(JoinedLabel).values(late=True))
    assert pool.joined(5) is None


def test_while_the_champion_is_right_none_is_called_back(pool: Pool) -> None:
    pool.serve(1, 600, "no")
    assert pool.joined(5) is None
    assert (pool.former()["labels"], pool.former()["gained"]) == (600, -600)


def test_labels_count_once_their_window_has_closed_and_once_only(pool: Pool) -> None:
    pool.serve(1, 40, "yes")
    pool.serve(30, 40, "yes")
    assert pool.joined(2) is None
    assert pool.former()["labels"] == 40
    assert pool.joined(2) is None
    assert pool.joined(40) is None
    assert pool.joined(3) is None, "an event that comes late"
    assert pool.former()["labels"] == 80


def test_a_redelivery_gives_the_same_answer(pool: Pool) -> None:
    pool.serve(1, 300, "yes")
    first, second = pool.joined(5, id_="j"), pool.joined(5, id_="j")
    assert first is not None
    assert second is not None
    assert (first.id, first.data) == (second.id, second.data)


@pytest.mark.parametrize(
    ("phase", "changes", "called"),
    [
        ("shadow", {}, True),
        ("canary", {}, True),
        ("shadow", {"queued_version": 4}, False),
        ("shadow", {"paused": True}, False),
        ("shadow", {"version": 1}, False),
        ("probation", {}, False),
        ("replace", {}, False),
        ("retire", {}, False),
    ],
)
def test_a_shadow_or_canary_of_another_version_hinders_no_call(
    pool: Pool, phase: str, changes: dict[str, Any], called: bool
) -> None:
    pool.serve(1, 300, "yes")
    with transaction(pool.gate.sessions) as session:
        row = lock_rollout(session, "churn")
        row.version, row.phase = 3, phase
        for name, value in changes.items():
            setattr(row, name, value)
    found = pool.joined(5)
    if called:
        assert recalled(found).labels == 300
        return
    assert found is None
    with transaction(pool.gate.sessions) as session:
        row = lock_rollout(session, "churn")
        row.version = row.phase = row.queued_version = None
        row.paused = False
    assert recalled(pool.joined(5)).labels == 300


def test_a_new_reign_begins_anew(pool: Pool) -> None:
    pool.serve(1, 90, "yes")
    assert pool.joined(5) is None
    with transaction(pool.gate.sessions) as session:
        for version, at in ((1, 6), (2, 7)):
            moment = NOON + timedelta(seconds=at)
            versions.record_fact(session, "churn", version, versions.Fact.PROMOTED, f"again{version}", moment)
    pool.serve(8, 20, "yes")
    assert pool.joined(20) is None
    assert pool.former()["labels"] == 20


def test_an_entity_counts_once_a_day(pool: Pool) -> None:
    pool.serve(1, 100, "yes", entity="ann")
    pool.serve(10, 100, "yes", entity="ann")
    pool.joined(5)
    pool.joined(20)
    assert pool.former()["labels"] == 1


@pytest.mark.parametrize("how", ["rolled back", "no pool", "overwritten"])
def test_what_is_not_in_the_pool_is_never_called_back(gate: Gate, how: str) -> None:
    pool = Pool(gate, "rollout: {pool: 0}" if how == "no pool" else "")
    if how == "rolled back":
        with transaction(gate.sessions) as session:
            versions.record_fact(session, "churn", 1, versions.Fact.PROMOTED, "back", NOON)
            versions.record_fact(session, "churn", 1, versions.Fact.ROLLED_BACK, "and again", NOON)
    if how == "overwritten":
        gate.store.put("s3://models/churn/v1/model.onnx", b"something else")
    pool.serve(1, 300, "yes")
    assert pool.joined(5) is None


def test_a_long_backlog_is_taken_in_piece_by_piece(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_records, "MOST_LABELS", 100)
    pool.serve(1, 250, "no")
    counts = []
    for _ in range(4):
        pool.joined(5)
        counts.append(pool.former()["labels"])
    assert counts == [100, 200, 250, 250]
