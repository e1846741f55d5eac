"""Describes models from what the state's tables hold of them."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.record_events.logic import state_of
from functions.record_events.progress import (
    drift_of,
    features_of,
    feedback_of,
    judge_of,
    pool_of,
    retired_of,
    rollout_of,
    training_of,
)
from functions.state import versions
from functions.state.governor import GovernorRow
from functions.state.run_facts import automatic_within_a_day, refused_in_a_row
from functions.state.runs import TrainingRun, runs_of
from functions.state.specs import models_with_spec, spec_of
from functions.state.timers import TimerRow
from pipelines.spec import ModelSpec, SpecError

RECENT_RUNS = 20
_GOVERNOR = "govern_training"

_log = logging.getLogger(__name__)


def describe_models(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Return one JSON object a model, by name."""
    names = set(models_with_spec(session)) | set(session.scalars(select(versions.ModelVersion.model)))
    names |= set(session.scalars(select(GovernorRow.model)))
    return [_model(session, name, now) for name in sorted(names)]


def _model(session: Session, model: str, now: datetime) -> dict[str, Any]:
    champion = versions.champion(session, model)
    spec, unreadable = _spec(session, model)
    facts: dict[int, list[versions.VersionFact]] = {}
    for fact in versions.facts_of(session, model):
        facts.setdefault(fact.version, []).append(fact)
    return {
        "model": model,
        "spec_error": unreadable,
        "champion": champion,
        "retired": retired_of(session, model),
        "versions": [
            _version(row, facts.get(row.version, []), champion)
            for row in versions.versions_of(session, model)
        ],
        "rollout": rollout_of(session, model, spec),
        "judge": judge_of(session, model),
        "pool": pool_of(session, model, champion),
        "governor": _governor(session, model, spec, now),
        "feedback": feedback_of(session, model),
        "drift": drift_of(session, model, champion),
        "features": features_of(session, model, spec),
    }


def _spec(session: Session, model: str) -> tuple[ModelSpec | None, str | None]:
    """Return the spec in force, or why it cannot be read: the rest of the model is described all the same."""
    try:
        return spec_of(session, model), None
    except SpecError as error:
        fields = {"model": model, "error": str(error)}
        _log.error("a registered spec cannot be read", extra={"fields": fields})
        return None, str(error)


def _version(
    row: versions.ModelVersion, facts: list[versions.VersionFact], champion: int | None
) -> dict[str, Any]:
    return {
        "version": row.version,
        "state": state_of([fact.fact for fact in facts], champion=row.version == champion),
        "metrics": row.metrics,
        "train_rows": row.train_rows,
        "window": row.window,
        "run_id": row.run_id,
        "candidate": row.candidate.model_dump(),
        "dataset_digest": row.dataset_digest,
        "registered_at": row.registered_at.isoformat(),
        "facts": [{"fact": fact.fact, "at": fact.at.isoformat(), "event": fact.event_id} for fact in facts],
    }


def _governor(session: Session, model: str, spec: ModelSpec | None, now: datetime) -> dict[str, Any]:
    row = session.get(GovernorRow, model)
    runs = runs_of(session, model)
    timer = session.get(TimerRow, (_GOVERNOR, f"{model}/pending"))
    limit, budget = (spec.retrain.breaker, spec.retrain.max_per_day) if spec else (None, None)
    refused = refused_in_a_row(runs)
    running = [run for run in runs if run.ended_at is None and run.lease_until > now]
    return {
        "dataset": {"parts": row.dataset_parts, "rows": row.dataset_rows} if row else None,
        "running": running[-1].run_id if running else None,
        "training": [training_of(session, run, now) for run in running],
        "waiting": [reason for reason in row.pending_reasons.split(",") if reason] if row else [],
        "until": timer.due.isoformat() if timer else None,
        "said": row.announced if row else "",
        "breaker": {
            "refused_in_a_row": refused,
            "limit": limit,
            "open": limit is not None and refused >= limit,
        },
        "budget": {"used": len(automatic_within_a_day(runs, now)), "limit": budget},
        "runs": [_run(run) for run in runs[-RECENT_RUNS:]],
    }


def _run(run: TrainingRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "version": run.version,
        "reason": run.reason,
        "outcome": run.outcome,
        "verdict": run.verdict,
        "rollout": run.rollout,
        "approved_at": run.approved_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }
