"""Whatever arrives, in whatever order and however often: the promises of the governor hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.tables import create_tables

from eventing import catalogue as kinds
from eventing.event import Event

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Governor

SPEC = """
retrain:
  {min_rows: 100, cooldown: 5m, cooldown_runs: 1, harm_cooldown: 1m, max_per_day: 2, debounce: 10s}
"""
CLAIM = {"uri": "s3://models/x", "sha256": "0" * 64}
DAY = timedelta(days=1)


class Machine(RuleBasedStateMachine):
    open_world: ClassVar[Callable[..., Any]]

    def __init__(self) -> None:
        super().__init__()
        self.delivered: list[tuple[datetime, Event, list[Event]]] = []
        self.part = 0

    @initialize()
    def begin(self) -> None:
        self.world = self.fresh()
        deliver = self.world.deliver

        def recorded(event: Event) -> list[Event]:
            answers = deliver(event)
            self.delivered.append((self.world.now, event, answers))
            return answers

        self.world.deliver = recorded  # type: ignore[method-assign]

    def fresh(self) -> Governor:
        world: Governor = type(self).open_world("sqlite://", SPEC)
        create_tables(world.sessions.kw["bind"])
        return world

    @property
    def approved(self) -> list[Event]:
        return [event for event in self.world.said if event.type == kinds.TrainingApproved.type]

    @rule(skip=st.integers(1, 3), rows=st.sampled_from([30, 120]))
    def drop(self, skip: int, rows: int) -> None:
        self.part += skip
        self.world.drop(self.part, rows=rows)

    @rule()
    def late_drop(self) -> None:
        self.world.drop(max(1, self.part - 1), rows=120)

    @rule()
    def ask(self) -> None:
        self.world.send(kinds.TrainingRequested.type, {"model": "churn"})

    @rule(labels=st.sampled_from([100, 300]))
    def degrade(self, labels: int) -> None:
        numbers = {"statistic": 6e3, "threshold": 5e3, "baseline": 0.1, "mean_loss": 0.4, "labels": labels}
        self.world.send(kinds.PerformanceDegraded.type, {"model": "churn", "version": 1} | numbers)

    @rule(seconds=st.sampled_from([1, 11, 120, 3600, 20_000, 200_000]))
    def wait(self, seconds: int) -> None:
        self.world.later(seconds=seconds)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def redeliver(self, data: st.DataObject) -> None:
        _, event, answers = data.draw(st.sampled_from(self.delivered[-12:]))
        assert self.world.deliver(event) == answers

    @precondition(lambda self: self.approved)
    @rule(
        data=st.data(),
        what=st.sampled_from(
            [
                "started",
                "completed",
                "failed",
                "approved",
                "rejected",
                "asked",
                "promoted",
                "rolled_back",
                "inconclusive",
            ]
        ),
    )
    def report(self, data: st.DataObject, what: str) -> None:
        """Reports come in any order, also twice, also contradicting."""
        approved = data.draw(st.sampled_from(self.approved[-2:]))
        self.world.send(*report_of(approved, what), cause=None)

    @precondition(lambda self: self.approved)
    @rule(verdict=st.sampled_from(["approved", "rejected", "rolled_back"]))
    def finish(self, verdict: str) -> None:
        self.world.complete(self.approved[-1], verdict=verdict)

    @rule(hours=st.sampled_from([0, 2, 23]))
    def go_round(self, hours: int) -> None:
        """A whole turn of the loop, so that budgets are reached."""
        self.drop(1, 120)
        self.world.later(hours=hours, minutes=6)
        if self.approved:
            self.world.complete(self.approved[-1])

    @invariant()
    def one_run_at_a_time(self) -> None:
        if hasattr(self, "world"):
            alive = [
                run for run in self.world.runs() if run.ended_at is None and run.lease_until > self.world.now
            ]
            assert len(alive) <= 1

    @invariant()
    def within_budget(self) -> None:
        if not hasattr(self, "world"):
            return
        starts = [run.approved_at for run in self.world.runs() if run.automatic]
        for begin in starts:
            assert sum(begin <= start < begin + DAY for start in starts) <= 2

    @invariant()
    def one_version_at_most_waits_beside_harm(self) -> None:
        if hasattr(self, "world"):
            runs = self.world.runs()
            newest = max(
                (run.version for run in runs if run.verdict == "asked" and run.harmed_version), default=0
            )
            waiting = [run for run in runs if run.verdict == "asked" and run.rollout is None]
            assert not [run for run in waiting if run.version < newest and run.outcome == "completed"]

    @invariant()
    def versions_count_up_and_nothing_is_said_twice(self) -> None:
        if hasattr(self, "world"):
            numbers = [event.data["version"] for event in self.approved]
            assert numbers == list(range(1, len(numbers) + 1))
            ids = [event.id for event in self.world.said]
            assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        again = self.fresh()
        for now, event, answers in self.delivered:
            again.clock[0] = now
            assert again.deliver(event) == answers
        for world in (again, self.world):
            world.sessions.kw["bind"].dispose()


def report_of(approved: Event, what: str) -> tuple[str, dict[str, Any]]:
    who = {name: approved.data[name] for name in ("model", "version")}
    run = who | {"run_id": approved.data["run_id"]}
    match what:
        case "started":
            return kinds.TrainingStarted.type, run | {"launcher": "test"}
        case "failed":
            return kinds.TrainingFailed.type, run | {"step": "x", "error": "y"}
        case "completed":
            claims = dict.fromkeys(("candidate", "card", "holdout", "reference"), CLAIM)
            digests = dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64)
            return kinds.TrainingCompleted.type, run | claims | digests | {
                "metrics": {},
                "train_rows": 90,
                "seconds": 1.0,
            }
        case "approved":
            return kinds.ModelApproved.type, who | {"approved_by": "gate"}
        case "rejected":
            return kinds.ModelRejected.type, who | {"rejected_by": "gate"}
        case "asked":
            about = {"candidate": CLAIM, "metric": "roc_auc", "value": 0.9, "rows": 40}
            verdict = who | about | {"rule": "not-comparable", "message": "a person decides"}
            return kinds.ModelApprovalRequested.type, who | {"verdict": verdict}
        case _:
            return kinds.RolloutCompleted.type, who | {"outcome": what, "message": ""}


@pytest.mark.timeout(300)
def test_no_order_of_events_breaks_a_promise_and_a_replay_decides_the_same(
    open_world: Callable[..., Governor],
) -> None:
    machine = type("Governor", (Machine,), {"open_world": staticmethod(open_world)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
