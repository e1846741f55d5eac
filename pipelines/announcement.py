"""How a run says how it ended: `training.completed` or `training.failed`, with the same id each time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from eventing.catalogue import (
    Claim,
    Experiment,
    TrainingCompleted,
    TrainingFailed,
    TrainingWindow,
    source_of,
)
from eventing.catalogue.training import MAX_EXPERIMENTS
from eventing.event import Event, answer
from eventing.store import Store
from pipelines import layout, records
from pipelines.card import Card
from pipelines.errors import TransientError
from pipelines.records import Failure, Fault
from pipelines.request import RunRequest

SOURCE = source_of("run_training")
Send = Callable[[Event], None]
_EXPERIMENTS_BYTES = 16_000

UNSAID = Failure(
    step="unknown",
    error="the step ended without saying why; it may have been killed for want of memory",
    fix="look at the run's log; give it more memory, or train on fewer rows (train.window)",
    fault=Fault.SURROUNDINGS,
)


def subject_of(request: RunRequest) -> str:
    """Return the subject of a run's events: `<model>/v<version>`."""
    return f"{request.model}/v{request.version}"


def dump_cause(event: Event) -> str:
    """Write down what of the causing event an answer needs, as a pipeline parameter.

    It is JSON in base64, as Kubeflow fills in what looks like a template, such as `{{workflow.uid}}`.
    """
    fields = {"id": event.id, "source": event.source, "type": event.type, **dict(event.extensions)}
    return base64.b64encode(json.dumps(fields).encode()).decode()


def load_cause(text: str) -> Event:
    """Read back what `dump_cause` wrote, or the JSON alone, as it was written before."""
    fields = json.loads(text if text.startswith("{") else base64.b64decode(text))
    known = {name: fields.pop(name) for name in ("id", "source", "type")}
    return Event(**known, extensions=fields)


def announce(
    store: Store,
    send: Send,
    request: RunRequest,
    cause: Event,
    *,
    attempt: str,
    last: bool,
) -> str:
    """Send the event that says how the run ended.

    Args:
        attempt: whose recorded failure counts.
        last: whether nobody will try again, so that a failure of the surroundings is announced too.

    Returns: the type of the event sent.
    Raises: TransientError when the attempt failed for its surroundings and another will follow.
    """
    done = records.read_card(store, request.output, request.run_id)
    if done is not None:
        event = completed(request, cause, *done)
    else:
        failure = records.read_failure(store, request.output, attempt) or UNSAID
        if failure.fault is Fault.SURROUNDINGS and not last:
            raise TransientError(f"step {failure.step}: {failure.error}")
        event = failed(request, cause, failure)
    send(event)
    return event.type


def completed(request: RunRequest, cause: Event, card: Card, claim: Claim) -> Event:
    """Build `training.completed` from the version's card."""
    window = card.data.window
    payload = TrainingCompleted(
        model=request.model,
        version=request.version,
        run_id=request.run_id,
        candidate=card.files[layout.ONNX],
        card=claim,
        holdout=card.files[layout.HOLDOUT],
        reference=card.files[layout.REFERENCE],
        metrics=card.evaluation.metrics,
        dataset_digest=card.data.dataset.sha256,
        config_digest=card.spec.digest,
        code_digest=card.code_digest,
        train_rows=card.data.split.train_rows,
        divided_by=card.data.split.by,
        order=card.data.split.order,
        learnt_holdout=layout.JUDGED in card.files,
        seconds=card.seconds,
        window=None if window is None else TrainingWindow.model_validate(window.model_dump()),
        metric=(card.evaluation.model_extra or {}).get("metric"),
        experiments=_experiments((card.model_extra or {}).get("experiments")),
    )
    return answer(cause, TrainingCompleted.type, SOURCE, subject_of(request), payload)


def _experiments(found: Any) -> list[Experiment]:
    """Return the experiments of a card that an event has room for, as far as they have the usual form."""
    kept: list[Experiment] = []
    size = 0
    for each in found if isinstance(found, list) else ():
        try:
            experiment = Experiment.model_validate(each)
        except ValidationError:
            continue
        size += len(experiment.model_dump_json())
        if size > _EXPERIMENTS_BYTES or len(kept) == MAX_EXPERIMENTS:
            break
        kept.append(experiment)
    return kept


def failed(request: RunRequest, cause: Event, failure: Failure) -> Event:
    """Build `training.failed`."""
    payload = TrainingFailed(
        model=request.model,
        version=request.version,
        run_id=request.run_id,
        step=failure.step,
        error=failure.error,
        fix=failure.fix,
        log=failure.log,
    )
    return answer(cause, TrainingFailed.type, SOURCE, subject_of(request), payload)
