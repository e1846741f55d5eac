"""Describes what goes on around a model: its rollout and the judge's wealth, its labels, its drift."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from eventing.catalogue import (
    FeedbackJoined,
    RolloutCompleted,
    RolloutOutcome,
    RolloutPhase,
    TrainingProgressed,
)
from functions.state.drift import DriftCheckRow
from functions.state.features import views_of_model
from functions.state.judges import JudgeRow
from functions.state.labels import FeedbackRow, WaitingLabel
from functions.state.ledger import LedgerEvent
from functions.state.pools import PoolRow
from functions.state.rollouts import RolloutRow
from functions.state.runs import TrainingRun, runs_before
from functions.state.versions import champion as champion_of
from functions.state.versions import retirement
from pipelines.features.of_spec import own_views
from pipelines.spec import ModelSpec

_HARM_STATE = ("sums", "n")


def rollout_of(session: Session, model: str, spec: ModelSpec | None) -> dict[str, Any] | None:
    """Return the rollout under way and the version that waits for its end; None when there is neither."""
    row = session.get(RolloutRow, model)
    if row is None or (row.version is None and row.queued_version is None):
        return None
    return {
        "version": row.version,
        "champion_version": row.champion_version,
        "phase": row.phase,
        "percent": _percent(session.get(JudgeRow, model), row, spec),
        "reason": row.reason,
        "since": _iso(row.started_at),
        "paused": row.paused,
        "held": row.held is not None,
        "queued_version": row.queued_version,
    }


def retired_of(session: Session, model: str) -> dict[str, Any] | None:
    """Return since when a model is out of service, and who asked for it and why; None while it is not."""
    fact = retirement(session, model)
    if fact is None:
        return None
    data = _newest_data(session, RolloutCompleted.type, f"{model}/v{fact.version}")
    message = data.get("message") if data.get("outcome") == RolloutOutcome.RETIRED else None
    return {"version": fact.version, "at": _iso(fact.at), "message": message}


def judge_of(session: Session, model: str) -> dict[str, Any] | None:
    """Return how far the judge is from a verdict; None while it judges nothing."""
    row = session.get(JudgeRow, model)
    if row is None or row.version is None:
        return None
    state, policy = _mapping(row.state), _mapping(row.policy)
    better, worse, counts = (_mapping(state.get(name)) for name in ("better", "worse", "coverage"))
    alpha = policy.get("alpha")
    return {
        "version": row.version,
        "phase": row.phase,
        "decided": row.decided,
        "labels": state.get("scores", better.get("n", 0)),
        "min_labels": policy.get("min_labels"),
        "wealth_worse": worse.get("wealth", 1.0),
        "wealth_better": better.get("wealth", 1.0),
        "threshold": 1 / alpha if alpha else None,
        "coverage_champion": _share(counts, "champion"),
        "coverage_challenger": _share(counts, "challenger"),
        "guard_checks": row.guard_checks,
        "wealth_history": row.wealth_history or [],
    }


def pool_of(session: Session, model: str, champion: int | None) -> list[dict[str, Any]]:
    """Return how former champions compare with the champion on the newest labels; None without a pool."""
    row = session.get(PoolRow, model)
    state = _mapping(row.state) if row is not None else {}
    if state.get("champion") != champion or champion is None:
        return []
    return [
        {
            "version": each["version"],
            "labels": each["labels"],
            "gained": each["gained"] / each["labels"] if each["labels"] else None,
            "statistic": sum(each["sums"]) / len(each["sums"]),
        }
        for each in state.get("formers", [])
    ]


def feedback_of(session: Session, model: str) -> dict[str, Any] | None:
    """Return how many labels came and are missing; None before the first."""
    waits = select(func.count(), func.min(WaitingLabel.received_at)).filter_by(model=model)
    waiting, oldest = session.execute(waits.select_from(WaitingLabel)).one()
    row = session.get(FeedbackRow, model)
    if row is None and not waiting:
        return None
    return {
        "through": _iso(row.joined_through) if row else None,
        "waiting": waiting,
        "oldest": _iso(oldest),
        "lag_s": row.lag_s if row else None,
        "fates": _fates(row) if row else None,
        "versions": _newest_data(session, FeedbackJoined.type, model).get("versions", []),
        "harm": _harm(row) if row else None,
    }


def training_of(session: Session, run: TrainingRun, now: datetime) -> dict[str, Any]:
    """Return how far a run under way is; of one that has not begun, how many were approved before it."""
    if run.started_at is None:
        progress: Mapping[str, Any] = {}
        ahead = runs_before(session, run, now)
    else:
        progress = _newest_data(session, TrainingProgressed.type, f"{run.model}/v{run.version}")
        ahead = 0
    return {
        "run_id": run.run_id,
        "version": run.version,
        "since": _iso(run.started_at),
        "ahead": ahead,
        "step": progress.get("step"),
        "number": progress.get("number"),
        "steps": progress.get("steps"),
    }


def drift_of(session: Session, model: str, champion: int | None) -> dict[str, Any] | None:
    """Return the newest check of data against the champion's reference; None before the first."""
    checks = (
        select(DriftCheckRow).filter_by(model=model, version=champion).order_by(DriftCheckRow.number.desc())
    )
    row = session.scalars(checks.limit(1)).first()
    if row is None:
        return None
    return {"check": row.number, "of": row.of, "status": row.status, "rows": row.rows, "at": _iso(row.at)}


def features_of(session: Session, model: str, spec: ModelSpec | None) -> list[dict[str, Any]]:
    """Return how the feature views stand that a model defines now; former definitions are left out."""
    current = set() if spec is None else {view.feast_name for view in own_views(spec)}
    return [
        {
            "view": row.view,
            "name": row.name,
            "rows": row.rows,
            "parts": row.parts,
            "applied": row.applied_at is not None,
            "materialized_at": _iso(row.materialized_at),
            "statistics": row.statistics,
            "checked": row.checked,
            "drift": {
                user: found
                for user, found in (row.drift or {}).items()
                if found["version"] == champion_of(session, user)
            },
            "problem": row.problem,
        }
        for row in views_of_model(session, model)
        if row.name in current
    ]


def _newest_data(session: Session, type_: str, subject: str) -> Mapping[str, Any]:
    """Return the data of the newest event of a type and subject, empty when there is none."""
    recorded = select(LedgerEvent.event).filter_by(type=type_, subject=subject)
    text = session.scalar(recorded.order_by(LedgerEvent.seq.desc()).limit(1))
    return _mapping(json.loads(text).get("data")) if text else {}


def _percent(judge: JudgeRow | None, row: RolloutRow, spec: ModelSpec | None) -> int:
    """Return the share of requests that the challenger answers, as it was fixed at the start."""
    if row.phase != RolloutPhase.CANARY:
        return 100 if row.phase == RolloutPhase.PROBATION else 0
    fixed = _mapping(judge.policy).get("canary_percent") if judge is not None else None
    return int(fixed if fixed is not None else (spec.rollout.canary_percent if spec else 0))


def _fates(row: FeedbackRow) -> dict[str, Any] | None:
    """Return how many labels had each fate of late, and since when they are counted."""
    found = _mapping(row.fates)
    if not found:
        return None
    counts = Counter(_mapping(found.get("before")))
    counts.update(_mapping(found.get("counts")))
    return {"since": found.get("before_since") or found.get("since"), **counts}


def _harm(row: FeedbackRow) -> dict[str, Any] | None:
    state = _mapping(row.harm)
    if not all(name in state for name in _HARM_STATE):
        return None
    sums = state["sums"]
    return {
        "version": row.harm_version,
        "labels": state["n"],
        "statistic": sum(sums) / len(sums) if sums else 0.0,
        "alarmed_at": _iso(row.alarmed_at),
    }


def _share(counts: Mapping[str, Any], arm: str) -> float | None:
    matured = counts.get(f"{arm}_matured", 0)
    return counts.get(f"{arm}_labelled", 0) / matured if matured else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
