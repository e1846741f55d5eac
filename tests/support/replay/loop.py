"""Plays a week of a loop in a second: the functions' own rules, with delays as services have them."""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from support.replay.decisions import checked, gated, judged
from support.tables import create_tables

from eventing import catalogue as kinds
from eventing.event import Event, answer, originate
from eventing.store import MemoryStore
from functions.govern_training.app import ACCEPTS
from functions.govern_training.handler import Handler
from functions.govern_training.records import SpecInForce
from functions.govern_training.settings import Settings
from functions.ring_timers.logic import timer_due
from functions.state import ledger, timers
from functions.state.database import make_engine, session_factory, transaction
from functions.state.labels import JoinedLabel
from functions.state.stored_event import as_json
from functions.state.versions import Fact, record_fact
from pipelines.spec import parse_spec, spec_digest

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
MODEL = "churn"
CODE = "c" * 64
CLAIM = {"uri": "s3://datasets/x", "sha256": "0" * 64}


class Loop:
    """A loop from a seed; `log` gathers what a ledger would hold."""

    def __init__(self, seed: int, policy: str) -> None:
        self.rng = random.Random(seed)
        self.spec = parse_spec(policy.encode(), model=MODEL)
        self.now = START
        self.store = MemoryStore("reports")
        self.log: list[tuple[datetime, Event]] = []
        self._queue: list[tuple[datetime, int, Event | None]] = []
        self._order = itertools.count()
        self._engine = make_engine("sqlite://")
        create_tables(self._engine)
        self._sessions = session_factory(self._engine)
        claim = kinds.Claim(uri=f"s3://models/{MODEL}/specs/1/model.yaml", sha256="5" * 64)
        in_force = SpecInForce(self.spec, claim, spec_digest(self.spec))
        self._handler = Handler(
            Settings("sqlite://"), self._sessions, lambda session, model: in_force, lambda: self.now, CODE
        )
        self.champion: int | None = None
        self.emit(
            originate(
                kinds.SpecRegistered.type,
                "/kascade/ingest_data",
                MODEL,
                {"model": MODEL, "spec": claim.model_dump()},
                id_="spec",
                now=START,
            )
        )

    def emit(self, event: Event) -> Event:
        """Send an event: the ledger and the governor get it, each after a delay of its own."""
        sent = event.time or self.now
        self.log.append((sent + self._delay(), event))
        if event.type == kinds.FeedbackJoined.type or event.type in ACCEPTS:
            heapq.heappush(self._queue, (sent + self._delay(), next(self._order), event))
        return event

    def play(self, days: float) -> None:
        """Drop files now and then, and let everything follow."""
        for drop, at in enumerate(sorted(self.rng.uniform(0, days) for _ in range(int(6 * days))), 1):
            self.emit(self._drop(drop, START + timedelta(days=at)))
        for question in range(int(days)):
            at = START + timedelta(days=self.rng.uniform(0, days))
            data = {"model": MODEL, "requested_by": "ann"}
            self.emit(
                originate(
                    kinds.TrainingRequested.type, "/kascade/cli", MODEL, data, id_=f"ask{question}", now=at
                )
            )
        while self._queue and self._queue[0][0] <= START + timedelta(days=days):
            at, _, event = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            if event is None:
                self._ring()
            else:
                self._govern(event)
            self._wake()
        self._engine.dispose()

    def lines(self) -> str:
        """Return the log as `kascade events --json` prints it."""
        past = [row for row in enumerate(self.log) if row[1][1].time <= self.now - timedelta(seconds=5)]
        rows = sorted(past, key=lambda row: (row[1][0], row[0]))
        found = [
            {"seq": seq, "recorded_at": at.isoformat(), "event": as_json(event)}
            for seq, (_, (at, event)) in enumerate(rows, 1)
        ]
        return "".join(json.dumps(row) + "\n" for row in found)

    def _delay(self) -> timedelta:
        """Return how long a delivery takes; now and then a service must start first."""
        cold = self.rng.uniform(1, 3) if self.rng.random() < 0.05 else 0
        return timedelta(seconds=self.rng.uniform(0.005, 0.05) + cold)

    def _wake(self) -> None:
        """Plan the tick at which the next timer rings: they come once a second."""
        with transaction(self._sessions, read_only=True) as session:
            waiting = timers.due(session, datetime(9998, 1, 1, tzinfo=UTC), 1)
        if waiting:
            seconds = math.ceil(max(waiting[0].due, self.now).timestamp() + 0.001)
            tick = datetime.fromtimestamp(seconds, UTC)
            heapq.heappush(self._queue, (tick, next(self._order), None))

    def _ring(self) -> None:
        with transaction(self._sessions) as session:
            for timer in timers.due(session, self.now, 100):
                timers.mark_rung(session, timer)
                self.emit(timer_due(timer, self.now))

    def _govern(self, event: Event) -> None:
        with transaction(self._sessions) as session:
            ledger.append(session, event, self.now)
            if event.type == kinds.RolloutCompleted.type:
                fact = Fact(event.data["outcome"])
                record_fact(session, MODEL, event.data["version"], fact, event.id, self.now)
            if event.type == kinds.FeedbackJoined.type:
                session.add(_label(event.id, event.time or self.now))
                return
        for said in self._handler(event, ACCEPTS[event.type].model_validate(event.data)):
            self.emit(said)
            if said.type == kinds.TrainingApproved.type:
                for step in self._train(said):
                    self.emit(step)

    def _drop(self, number: int, at: datetime) -> Event:
        data = {
            "model": MODEL,
            "part": CLAIM,
            "profile": CLAIM,
            "spec": CLAIM,
            "data_schema": CLAIM,
            "dataset": {"uri": f"s3://datasets/{number}", "sha256": f"{number:064x}"},
            "rows": 400,
            "total_rows": 400 * number,
            "parts": number,
            "key": f"{number}.csv",
        }
        return originate(
            kinds.DatasetIngested.type, "/kascade/ingest_data", MODEL, data, id_=f"d{number}", now=at
        )

    def _train(self, approved: Event) -> Iterator[Event]:
        """Yield what becomes of a run: mostly a candidate, sometimes a failure, rarely silence."""
        run = {name: approved.data[name] for name in ("model", "version", "run_id")}
        about = f"{MODEL}/v{run['version']}"
        at = self.now + timedelta(seconds=1)
        yield answer(approved, kinds.TrainingStarted.type, "/run", about, {**run, "launcher": "t"}, now=at)
        fate = self.rng.random()
        if fate < 0.05:
            return
        at += timedelta(seconds=self.rng.uniform(20, 900))
        if fate < 0.2:
            data = {**run, "step": "fit", "error": "no"}
            yield answer(approved, kinds.TrainingFailed.type, "/run", about, data, now=at)
            return
        data = {
            **run,
            **dict.fromkeys(("candidate", "card", "holdout", "reference"), CLAIM),
            "metrics": {},
            "dataset_digest": approved.data["dataset"]["sha256"],
            "config_digest": "0" * 64,
            "code_digest": CODE,
            "train_rows": 800,
            "seconds": 60.0,
        }
        completed = answer(approved, kinds.TrainingCompleted.type, "/run", about, data, now=at)
        yield completed
        yield from self._judge(completed, at + timedelta(seconds=2))

    def _judge(self, completed: Event, at: datetime) -> Iterator[Event]:
        """Yield the gate's verdict, and a rollout with its judge where the gate passes."""
        version = completed.data["version"]
        verdict = gated(self.rng, completed, self.spec.gate, self.champion, at, self.store)
        yield verdict
        if verdict.type == kinds.ModelApprovalRequested.type:
            person = {"model": MODEL, "version": version, "approved_by": "ann"}
            at += timedelta(minutes=self.rng.uniform(1, 100))
            verdict = originate(
                kinds.ModelApproved.type,
                "/kascade/cli",
                f"{MODEL}/v{version}",
                person,
                id_=f"yes{version}",
                now=at,
            )
            yield verdict
        if verdict.type == kinds.ModelApproved.type:
            yield from self._roll_out(verdict, version, at + timedelta(seconds=5))

    def _roll_out(self, approval: Event, version: int, at: datetime) -> Iterator[Event]:
        about, outcome, source = f"{MODEL}/v{version}", "promoted", "/kascade/roll_out_model"
        phase = "replace" if self.champion is None else "shadow"
        data = {"model": MODEL, "version": version, "phase": phase, "revision": about.replace("/", "-")}
        started = answer(approval, kinds.RolloutStarted.type, source, about, data, now=at)
        yield started
        if self.champion is not None:
            verdict = judged(self.rng, started, self.spec, self.champion, self.store)
            yield verdict
            outcome, at = verdict.data["outcome"], verdict.time or at
        ended = {"model": MODEL, "version": version, "outcome": outcome, "message": "m"}
        at += timedelta(seconds=1)
        yield answer(started, kinds.RolloutCompleted.type, source, about, ended, now=at)
        if outcome == "promoted":
            self.champion = version
        yield from self._watch(version, at)

    def _watch(self, since: int, at: datetime) -> Iterator[Event]:
        """Yield looks for drift at the champion since a rollout, and what a shift or harm leads to."""
        about, version = f"{MODEL}/v{self.champion}", self.champion
        labelled = self.rng.random() < 0.5
        for number in range(1, self.rng.randint(2, 5)):
            at += timedelta(minutes=self.rng.uniform(1, 200))
            if labelled:
                told = {"model": MODEL, "through": at.isoformat(), "joined": 5}
                joined = originate(
                    kinds.FeedbackJoined.type,
                    "/kascade/join_feedback",
                    MODEL,
                    told,
                    id_=f"j{since}-{number}",
                    now=at,
                )
                yield joined
                at += timedelta(minutes=1)
            data = {"model": MODEL, "version": version, "window": number}
            closed = originate(kinds.WindowClosed.type, "/l", about, data, id_=f"w{since}-{number}", now=at)
            yield closed
            check = checked(self.rng, closed, self.spec.drift, number)
            yield check
            if check.data["status"] == "drifted":
                data = {**check.data, "strong": self.rng.random() < 0.5}
                yield answer(closed, kinds.DriftDetected.type, check.source, about, data, now=at)
        if self.rng.random() < 0.3:
            harm = {
                "model": MODEL,
                "version": version,
                "statistic": 5100.0,
                "threshold": 5000.0,
                "baseline": 0.1,
                "mean_loss": 0.3,
                "labels": self.rng.randint(20, 600),
            }
            at += timedelta(minutes=self.rng.uniform(1, 30))
            yield originate(kinds.PerformanceDegraded.type, "/j", about, harm, id_=f"harm{since}", now=at)


def _label(identity: str, at: datetime) -> JoinedLabel:
    return JoinedLabel(
        model=MODEL,
        prediction_id=identity,
        at=at,
        version=1,
        value="yes",
        label_id=identity,
        received_at=at,
    )


def play(seed: int, policy: str, days: float) -> Loop:
    """Return a loop that has played for some days."""
    loop = Loop(seed, policy)
    loop.play(days)
    return loop
