"""A model that was made elsewhere gets a run of its own, at once, whatever else is under way."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.govern_training.event_context import SOURCE, EventContext
from functions.govern_training.facts import Digests
from functions.govern_training.starting import start_run
from functions.state.runs import RunOutcome, TrainingRun

Reason = kinds.TrainingReason


def register(context: EventContext, payload: kinds.ModelRegistered) -> Sequence[Event]:
    """Start the run that makes a version of it, or say why none is made."""
    if context.in_force is None or context.row.dataset_sha256 is None:
        lacks = "model.yaml" if context.in_force is None else "data"
        return _refused(
            context,
            "dataset",
            f"{context.model} has no {lacks} yet, and a model is held against rows of its data: drop its "
            "model.yaml and a file of data, then register again",
        )
    before = _made_before(context, payload.file.sha256)
    if before is not None and not payload.force:
        how = {None: "is being made of it", "completed": "was made of it"}[before.outcome]
        message = (
            f"v{before.version} {how}: the same file is registered once (again with kascade register --force)"
        )
        return _refused(context, "dedupe", message, before.run_id)
    # What decides the run is the file: it stands where a training has the digest of its code.
    digests = Digests(context.row.dataset_sha256, payload.file.sha256, context.in_force.digest)
    offered = kinds.OutsideModel.model_validate(
        payload.model_dump(include=set(kinds.OutsideModel.model_fields))
    )
    return [
        start_run(
            context,
            context.event,
            digests,
            context.in_force,
            reason=Reason.REGISTERED,
            rule="registered",
            registered=offered,
        )
    ]


def _made_before(context: EventContext, sha256: str) -> TrainingRun | None:
    """Return the run that has made a version of a file, or is about to."""
    runs = select(TrainingRun).filter_by(
        model=context.model, reason=Reason.REGISTERED.value, code_digest=sha256
    )
    for run in context.session.scalars(runs.order_by(TrainingRun.version.desc())):
        if run.outcome == RunOutcome.COMPLETED or (run.outcome is None and run.lease_until > context.now):
            return run
    return None


def _refused(context: EventContext, rule: str, message: str, run_id: str | None = None) -> Sequence[Event]:
    payload = kinds.TrainingDeferred(
        model=context.model, reason=Reason.REGISTERED, rule=rule, message=message, refused=True, run_id=run_id
    )
    return [
        answer(context.event, kinds.TrainingDeferred.type, SOURCE, context.model, payload, now=context.now)
    ]
