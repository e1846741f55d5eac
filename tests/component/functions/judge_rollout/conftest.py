"""A world whose rollout judge_rollout judges: v1 is champion, and v2 challenges it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from support.replay.again import assert_decided_again
from support.world import MODEL, World, logged

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import build_event, handle
from functions.judge_rollout.app import create_app
from functions.judge_rollout.logic import decide, numbers_of
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.record import Record
from functions.state.judges import JudgeRow
from functions.state.labels import lock_feedback
from functions.state.settings import Settings

WINDOW_S = 10


class Judging:
    """judge_rollout, and what it hears; each verdict is made again from what its event carries."""

    cards: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, url: str, **rollout: Any) -> None:
        self.world = World(url)
        policy = {"margin": 0.02, "min_labels": 50, "deadline": "1000s", **rollout}
        self.world.spec(rollout=policy, labels={"window": f"{WINDOW_S}s"})
        self.world.version(1, promoted=True, **self.cards)
        self.world.version(2, **self.cards)
        self.restart()
        self.rng = random.Random(0)
        self.number = 0

    def restart(self) -> None:
        self.app: Flask = create_app(
            Settings(self.world.url), store=self.world.store, engine=self.world.engine, clock=self.world.clock
        )

    def rollout(self, type_: str, payload: c.Payload, *, second: float = 0, id_: str | None = None) -> None:
        """Say how far the rollout is; no verdict follows from that alone."""
        at = self.world.after(second)
        self.world.now = max(self.world.now, at)
        self.number += 1
        subject = f"{MODEL}/v2"
        event = build_event(type_, payload, subject=subject, id_=id_ or f"rollout-{self.number}", time=at)
        assert handle(self.app, event) is None

    def times(self, second: float, rows: int) -> list[datetime]:
        return [self.world.after(second) + timedelta(milliseconds=row) for row in range(rows)]

    def truths(self, rows: int) -> list[str]:
        return [self.rng.choice(["yes", "no"]) for _ in range(rows)]

    def answers(self, truth: list[str], rate: float) -> list[str]:
        """Return what a version with this rate of errors answers."""
        return [("no" if each == "yes" else "yes") if self.rng.random() < rate else each for each in truth]

    def joined(self, second: float, id_: str | None = None) -> Event | None:
        """Say that every label received by then is joined; return the verdict, if one is given."""
        self.world.now = self.world.after(second)
        with self.world.session() as session:
            lock_feedback(session, MODEL).joined_through = self.world.now
        payload = c.FeedbackJoined(model=MODEL, through=self.world.now, joined=1)
        return self._ask(c.FeedbackJoined.type, payload, id_)

    def tick(self, second: float) -> Event | None:
        self.world.now = self.world.after(second)
        due = self.world.now.isoformat()
        return self._ask(c.TimerDue.type, {"owner": "judge_rollout", "key": f"{MODEL}/look", "due": due})

    def _ask(self, type_: str, payload: Any, id_: str | None = None) -> Event | None:
        self.number += 1
        event = handle(self.app, build_event(type_, payload, id_=id_ or f"{type_}-{self.number}"))
        if event is not None:
            self._decide_again(event)
        return event

    def _decide_again(self, event: Event) -> None:
        """Make a verdict again from what its event carries: with the same numbers, over the same labels."""
        verdict = c.RolloutDecided.model_validate(event.data)
        assert_decided_again([event], self.world.store)
        assert verdict.decided_from is not None
        policy = verdict.decided_from.policy_as(Policy)
        record = verdict.decided_from.inputs_as(Record, self._get)
        numbers = numbers_of(policy, decide(policy, record.inputs(policy, self._get)).state)
        assert {name: getattr(verdict, name) for name in asdict(numbers)} == asdict(numbers)

    def _get(self, claim: c.Claim) -> bytes:
        return self.world.store.get(claim.uri, claim.sha256)

    def state(self) -> dict[str, Any]:
        with self.world.session() as session:
            state = session.get_one(JudgeRow, MODEL).state
        assert state is not None
        return dict(state)


class Court(Judging):
    """A challenger in its shadow, then in its canary."""

    def start(self, phase: str = "shadow", **more: Any) -> None:
        started = c.RolloutStarted(
            model=MODEL, version=2, champion_version=1, phase=c.RolloutPhase(phase), revision="churn-v2"
        )
        self.rollout(c.RolloutStarted.type, started, **more)

    def advance(self, second: float, **more: Any) -> None:
        advanced = c.RolloutAdvanced(
            model=MODEL,
            version=2,
            champion_version=1,
            phase=c.RolloutPhase.CANARY,
            revision="churn-v2",
            percent=10,
        )
        self.rollout(c.RolloutAdvanced.type, advanced, second=second, **more)

    def shadow(
        self, second: float, rows: int, champion: float, challenger: float, labelled: float = 1.0
    ) -> None:
        """Log a batch that both answered with some error rates, and label a share of it."""
        times, truth = self.times(second, rows), self.truths(rows)
        ours, theirs = (self.answers(truth, rate) for rate in (champion, challenger))
        batch = logged(times, labels=ours, seed=f"{second}")
        self.world.log(batch)
        self.world.log(batch.model_copy(update={"version": 2, "shadow": True, "labels": theirs}))
        self._label(batch, times, truth, labelled)

    def answer(self, second: float, champion: Sequence[int], challenger: Sequence[int]) -> None:
        """Log both arms' answers, all of them right, to some of the same requests, with their labels."""
        times = self.times(second, 300)
        whole = logged(times, labels=["yes"] * 300, seed=f"{second}")
        for shadow, rows in ((False, champion), (True, challenger)):
            if rows:
                chosen = {
                    name: [getattr(whole, name)[row] for row in rows]
                    for name in ("ids", "times_ms", "labels", "latencies_ms")
                }
                arm = {"version": 2 if shadow else 1, "shadow": shadow, "inputs": {}}
                self.world.log(whole.model_copy(update=chosen | arm))
        for row in champion:
            self.world.label((whole.ids[row], times[row], "yes"))

    def taken_in(self) -> int:
        """Return how many pairs of answers the judge has counted."""
        return int(self.state()["better"]["n"])

    def canary(
        self,
        second: float,
        rows: int,
        champion: float,
        challenger: float,
        *,
        labelled: float = 1.0,
        failures: int = 0,
        latency_ms: float = 1.0,
    ) -> None:
        """Log what each arm answered: one request in ten is the challenger's."""
        for version, count, rate in ((1, rows * 9 // 10, champion), (2, rows // 10, challenger)):
            times, truth = self.times(second, count), self.truths(count)
            mine = version == 2
            batch = logged(
                times,
                version=version,
                labels=self.answers(truth, rate),
                seed=f"{second}/{version}",
                failures=failures if mine else 0,
                latency_ms=latency_ms if mine else 1.0,
            )
            self.world.log(batch)
            self._label(batch, times, truth, labelled if mine else 1.0)

    def _label(self, batch: c.InferenceLogged, times: list[datetime], truth: list[str], share: float) -> None:
        answers = zip(batch.ids, times, truth, strict=True)
        self.world.label(*(each for each in answers if self.rng.random() < share))


@pytest.fixture
def court(database: str) -> Iterator[Court]:
    court = Court(database)
    yield court
    court.world.engine.dispose()


def play(court: Court, champion: float, challenger: float, *, batches: int = 30, **more: Any) -> Event | None:
    court.start()
    for number in range(batches):
        court.shadow(1 + number, 50, champion, challenger, **more)
        if verdict := court.joined(12 + number):
            return verdict
    return None


def decided(event: Event | None) -> c.RolloutDecided:
    assert event is not None
    assert (event.type, event.subject) == (c.RolloutDecided.type, f"{MODEL}/v2")
    return c.RolloutDecided.model_validate(event.data)
