"""How far a run is: the steps of the training pipeline in their order, and the event that tells of one."""

from __future__ import annotations

from dataclasses import replace

from eventing.catalogue import TrainingProgressed
from eventing.event import Event, answer, derive_id
from pipelines.announcement import SOURCE, subject_of
from pipelines.request import RunRequest

STEPS = ("extract", "check", "features", "experiment", "select", "refit", "evaluate", "export")


def progressed(
    request: RunRequest, cause: Event, *, attempt: str, begun: tuple[str, ...], beat: int, seconds: float
) -> Event:
    """Build `training.progressed`; its id follows from the attempt, the step and the beat.

    Args:
        begun: the steps that have begun, in order; none of a pipeline whose steps are not known.
        beat: how often it has been said of the step that begun last.
        seconds: since the attempt began.
    """
    step, number, steps = (begun[-1], len(begun), len(STEPS)) if begun else ("pipeline", 1, 1)
    payload = TrainingProgressed(
        model=request.model,
        version=request.version,
        run_id=request.run_id,
        attempt=attempt,
        step=step,
        number=number,
        steps=steps,
        seconds=round(seconds, 1),
    )
    subject = subject_of(request)
    event = answer(cause, TrainingProgressed.type, SOURCE, subject, payload)
    unique = f"{subject}/{step}/{beat}"
    return replace(event, id=derive_id(f"{cause.id}@{attempt}", TrainingProgressed.type, unique))
