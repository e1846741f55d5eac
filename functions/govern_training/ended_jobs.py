"""Jobs of trainings that ended without a word, as an ApiServerSource tells of every change of a Job.

A run whose job failed for good, or was deleted, can say nothing itself. What is said here in its place
answers the run's approval, as its own words would, so it comes once however often the Job changes; it ends
the run when it comes back through the Broker. Without the source the run is lost when its lease ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.event import CORRELATION, Event, answer, derive_id
from functions.govern_training.event_context import SOURCE
from functions.state.runs import TrainingRun, runs_under_way

JOB_CHANGES = (kinds.OBJECT_ADDED, kinds.OBJECT_UPDATED, kinds.OBJECT_DELETED)
_LONGEST = 2000


def failures_by_job(session: Session, event: Event, now: datetime) -> list[Event]:
    """Return `training.failed` of the run whose Job an event says has ended in vain; none for all else."""
    job = event.data if isinstance(event.data, dict) else {}
    why = why_ended(job, deleted=event.type == kinds.OBJECT_DELETED)
    if job.get("kind") != "Job" or why is None:
        return []
    found = [(run, _approval(run)) for run in runs_under_way(session)]
    return [_failed(run, approval, why, now) for run, approval in found if is_for(job, approval)]


def why_ended(job: Mapping[str, Any], *, deleted: bool) -> str | None:
    """Say why a Job makes no result any more; None while it may, and when it has succeeded."""
    name = (job.get("metadata") or {}).get("name")
    conditions = (job.get("status") or {}).get("conditions") or []
    holds = {each.get("type"): each for each in conditions if each.get("status") == "True"}
    failed = holds.get("Failed")
    if failed is not None:
        failure = f"its job {name} failed: {failed.get('reason', '')}: {failed.get('message', '')}"
        return (
            failure
            if len(failure) <= _LONGEST
            else f"{failure[: _LONGEST // 2]} … {failure[-_LONGEST // 2 :]}"
        )
    if deleted and "Complete" not in holds:
        return f"its job {name} was deleted before it had ended"
    return None


def is_for(job: Mapping[str, Any], approval: Event) -> bool:
    """Say whether a Job was made for an event: Knative names it so, the local runtime notes it on the Job."""
    metadata = job.get("metadata") or {}
    noted = (metadata.get("annotations") or {}).get("kascade.dev/event-id")
    digest = hashlib.md5(f"{approval.source}{approval.id}".encode(), usedforsecurity=False).hexdigest()
    return noted == approval.id or str(metadata.get("name")).endswith(f"-{digest}")


def _approval(run: TrainingRun) -> Event:
    """Return the event that a run was approved by, as far as a Job and an answer need it."""
    type_, subject = kinds.TrainingApproved.type, f"{run.model}/v{run.version}"
    identity = derive_id(run.cause_id, type_, subject)
    return Event(identity, SOURCE, type_, subject, extensions={CORRELATION: run.correlation_id})


def _failed(run: TrainingRun, approval: Event, why: str, now: datetime) -> Event:
    again = "register the model again" if run.registered else f"kascade retrain {run.model}"
    payload = kinds.TrainingFailed(
        model=run.model,
        version=run.version,
        run_id=run.run_id,
        step="job",
        error=why,
        fix=f"mend what ended the job (kascade logs run-training), then {again}",
    )
    return answer(approval, kinds.TrainingFailed.type, SOURCE, str(approval.subject), payload, now=now)
