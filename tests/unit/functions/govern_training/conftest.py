"""A request that every rule lets pass, runs before it, and what the governor decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eventing.catalogue import TrainingReason as Reason
from functions.govern_training.facts import Decision, Digests, Inputs, Request, Run
from functions.govern_training.logic import decide
from pipelines.spec import Retrain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
DAY = timedelta(days=1)
POLICY = Retrain()
NEW = Digests("d" * 64, "c" * 64, "f" * 64)


def request(*reasons: Reason, **changes: Any) -> Request:
    """An automatic request that every rule lets pass when nothing has run."""
    plain = Request(
        reasons=frozenset(reasons or (Reason.DATASET,)),
        digests=NEW,
        total_rows=100_000,
        first_at=NOW - HOUR,
        last_at=NOW - HOUR,
    )
    return replace(plain, **changes)


def run(version: int = 1, *, ended: timedelta = 10 * DAY, length: timedelta = MINUTE, **changes: Any) -> Run:
    """A completed, promoted run of other inputs that ended `ended` before NOW."""
    end = NOW - ended
    plain = Run(
        run_id=f"churn-v{version}",
        version=version,
        automatic=True,
        digests=Digests(f"{version:064x}", NEW.code, NEW.config),
        rows=1000,
        approved_at=end - length,
        lease_until=end + 4 * HOUR,
        train_rows=800,
        started_at=end - length,
        ended_at=end,
        outcome="completed",
        verdict="approved",
        rollout="promoted",
    )
    return replace(plain, **changes)


def ask(*runs: Run, on: Request | None = None, policy: Retrain = POLICY, now: datetime = NOW) -> Decision:
    return decide(policy, Inputs(on or request(), now, runs))


def rule(decision: Decision) -> str:
    return f"{type(decision).__name__} {decision.rule}"
