"""A rollout begins with what the log already holds: requests of before that the challenger has answered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from flask import Flask
from support.replay.again import assert_decided_again
from support.world import MODEL, World, logged

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import build_event, handle
from functions.inferences.log import table_of, to_parquet
from functions.judge_rollout.app import create_app
from functions.state.judges import JudgeRow
from functions.state.labels import lock_feedback
from functions.state.settings import Settings

START, WINDOW_S = 100, 10


class Court:
    """judge_rollout in a world where v1 has served, and v2 has answered from the log what it was asked."""

    def __init__(self, url: str) -> None:
        self.world = World(url)
        policy = {"margin": 0.02, "min_labels": 50, "deadline": "1000s"}
        self.world.spec(rollout=policy, labels={"window": f"{WINDOW_S}s"})
        self.world.version(1, promoted=True)
        self.world.version(2)
        self.restart()
        self.rng = random.Random(0)
        self.number = 0
        self.answered: list[c.InferenceLogged] = []
        self.unlabelled: list[Any] = []

    def restart(self) -> None:
        self.app: Flask = create_app(
            Settings(self.world.url), store=self.world.store, engine=self.world.engine, clock=self.world.clock
        )

    def before(
        self, second: float, rows: int, champion: float, challenger: float, *, labelled: bool = True
    ) -> None:
        """Log what v1 served, of which v2 answers copies: from the log before the start, live after it."""
        times = [self.world.after(second) + timedelta(milliseconds=row) for row in range(rows)]
        truth = [self.rng.choice(["yes", "no"]) for _ in times]
        theirs, ours = ([self._said(each, rate) for each in truth] for rate in (challenger, champion))
        batch = logged(times, labels=ours, seed=f"{second}")
        copies = batch.model_copy(update={"version": 2, "shadow": True, "labels": theirs})
        self.world.log(batch)
        if second < START:
            self.answered.append(copies)
        else:
            self.world.log(copies)
        labels = list(zip(batch.ids, times, truth, strict=True))
        if labelled:
            self.world.label(*labels)
        else:
            self.unlabelled += labels

    def serve(self, second: float, rows: int) -> None:
        """Log what v1 served and v2 was not asked, with labels."""
        times = [self.world.after(second) + timedelta(milliseconds=row) for row in range(rows)]
        batch = logged(times, labels=["yes"] * rows, seed=f"{second}/alone")
        self.world.log(batch)
        self.world.label(*((identity, at, "yes") for identity, at in zip(batch.ids, times, strict=True)))

    def _said(self, truth: str, rate: float) -> str:
        return {"yes": "no", "no": "yes"}[truth] if self.rng.random() < rate else truth

    def shadow(self, champion: int = 1) -> c.LoggedShadow:
        """Play the part of evaluate_model."""
        table = pa.concat_tables([table_of(batch) for batch in self.answered])
        return c.LoggedShadow(
            answers=self.world.store.put(f"s3://reports/{MODEL}/v2/shadow/x.parquet", to_parquet(table)),
            since=self.world.after(0),
            through=max(table.column("at").to_pylist()),
            rows=table.num_rows,
            champion_version=champion,
        )

    def start(self, phase: str = "shadow", champion: int = 1, id_: str = "start") -> None:
        at = self.world.after(START)
        self.world.now = max(self.world.now, at)
        payload = c.RolloutStarted(
            model=MODEL,
            version=2,
            champion_version=1,
            phase=c.RolloutPhase(phase),
            revision="churn-v2",
            logged_shadow=self.shadow(champion) if self.answered else None,
        )
        event = build_event(c.RolloutStarted.type, payload, subject=f"{MODEL}/v2", id_=id_, time=at)
        assert handle(self.app, event) is None

    def joined(self, second: float, id_: str | None = None) -> Event | None:
        self.world.now = self.world.after(second)
        with self.world.session() as session:
            lock_feedback(session, MODEL).joined_through = self.world.now
        payload = c.FeedbackJoined(model=MODEL, through=self.world.now, joined=1)
        return self._ask(c.FeedbackJoined.type, payload, id_)

    def tick(self, second: float) -> Event | None:
        self.world.now = self.world.after(second)
        due = self.world.now.isoformat()
        timer = {"owner": "judge_rollout", "key": f"{MODEL}/look", "due": due}
        return self._ask(c.TimerDue.type, timer, None)

    def _ask(self, type_: str, payload: Any, id_: str | None) -> Event | None:
        self.number += 1
        event = handle(self.app, build_event(type_, payload, id_=id_ or f"{type_}-{self.number}"))
        if event is not None:
            assert_decided_again([event], self.world.store)
        return event

    def state(self) -> dict[str, Any]:
        with self.world.session() as session:
            state = session.get_one(JudgeRow, MODEL).state
        assert state is not None
        return dict(state)


@pytest.fixture
def court(database: str) -> Iterator[Court]:
    court = Court(database)
    yield court
    court.world.engine.dispose()


def decided(event: Event | None) -> c.RolloutDecided:
    assert event is not None
    return c.RolloutDecided.model_validate(event.data)


def prepare(court: Court, champion: float, challenger: float) -> None:
    for number in range(20):
        court.before(10 + number, 50, champion, challenger)
    with court.world.session() as session:
        lock_feedback(session, MODEL).joined_through = court.world.after(START)


def test_what_the_log_holds_decides_a_shadow_at_once(court: Court) -> None:
    prepare(court, 0.3, 0.1)
    court.start()
    verdict = decided(court.tick(START + 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "shadow")
    assert verdict.logged == verdict.labels >= 50
    assert verdict.coverage_champion == verdict.coverage_challenger == 1.0


def test_a_challenger_that_is_worse_on_the_log_is_rolled_back_at_once(court: Court) -> None:
    prepare(court, 0.1, 0.4)
    court.start()
    assert decided(court.tick(START + 0.1)).outcome == "rolled_back"


def test_on_probation_the_log_counts_as_well(court: Court) -> None:
    prepare(court, 0.9, 0.1)
    court.start("probation")
    verdict = decided(court.tick(START + 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "probation")


def test_labels_of_logged_requests_that_come_after_the_start_count_once_each(court: Court) -> None:
    for number in range(4):
        court.before(92 + number, 50, 0.1, 0.1, labelled=number < 2)
    court.start()
    assert court.joined(START + 2.5) is None
    assert court.state()["better"]["n"] == 50, "of one batch the window has closed"
    court.world.label(*court.unlabelled)
    assert court.joined(START + 8) is None
    assert court.joined(START + 9) is None
    assert (court.state()["better"]["n"], court.state()["logged"]) == (200, 200)


def test_what_came_between_the_log_and_the_first_copy_does_not_count(court: Court) -> None:
    court.before(80, 60, 0.1, 0.1)
    court.serve(85, 40)  # after what was answered
    court.serve(START - 1, 30)
    court.serve(START + 1, 30)  # before the first copy
    court.before(START + 2, 50, 0.1, 0.1)
    court.start()
    court.joined(START + 30)
    state = court.state()
    assert (state["better"]["n"], state["logged"]) == (110, 60)
    assert state["coverage"]["challenger_matured"] == state["coverage"]["challenger_labelled"] == 110


def test_logged_requests_that_it_was_not_asked_do_not_count(court: Court) -> None:
    court.before(80, 60, 0.1, 0.1)
    court.serve(80.001, 40)
    court.start()
    court.joined(START + 30)
    assert court.state()["coverage"]["champion_matured"] == 60


def test_a_log_of_another_champion_is_no_evidence(court: Court) -> None:
    prepare(court, 0.3, 0.1)
    court.start(champion=7)
    assert court.joined(START + 20) is None
    assert court.state()["through"] is None


def test_events_late_or_twice_or_out_of_order_give_the_same_verdict(new_database: Callable[[], str]) -> None:
    found = []
    for order in ([0, 1, 2, 3], [3, 0, 0, 2, 1], [2, 2, 3, 1, 0]):
        court = Court(new_database())
        court.before(60, 40, 0.2, 0.05)
        for number in range(4):
            court.before(START + 1 + number, 100, 0.2, 0.05)
        court.start()
        court.start(id_="again")
        verdict = None
        for number in order:
            verdict = court.joined(START + 20 + number, id_=f"j{number}") or verdict
            court.restart()
        said = decided(verdict)
        found.append((said.outcome, said.labels, said.logged, said.label_digest))
        court.world.engine.dispose()
    assert found[0] == found[1] == found[2]
    assert found[0][2] == 40
