"""The job: one `training.approved` becomes one version, and one event that says how it went."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from eventing.catalogue import TRAINING_STARTED, TrainingStarted
from eventing.event import Event, answer
from eventing.sink import EventSink
from eventing.store import DigestMismatch, ObjectMissing, Store
from functions.run_training import logic
from functions.run_training.logic import Next
from functions.run_training.pipeline_process import Running
from functions.run_training.settings import Settings
from pipelines import records
from pipelines.announcement import SOURCE, UNSAID, announce, cause_to_json, failed, subject_of
from pipelines.records import Failure, Fault
from pipelines.request import RunRequest
from pipelines.spec import SpecError, parse_spec

log = logging.getLogger(__name__)

Launch = Callable[[str, bytes | None], Running]


class Job:
    """Runs one training. `launch(run_id, package)` starts the process that will run the pipeline."""

    def __init__(self, settings: Settings, store: Store, sink: EventSink, launch: Launch) -> None:
        self._settings = settings
        self._store = store
        self._sink = sink
        self._launch = launch

    def run(self, event: Event, request: RunRequest) -> int:
        """Train the version that the event asks for, and announce how it ended.

        Returns: the exit status: SUCCESS when the outcome is announced, RETRY when another attempt may help.
        Raises: StoreUnavailable, SinkError: the surroundings failed; another attempt may succeed.
        """
        # Our own pipeline takes a second to load: it does so while the store and the sink are asked.
        with closing(self._launch(request.run_id, None)) as pipeline:
            if records.read_card(self._store, request.output, request.run_id) is not None:
                log.info("run %s has completed before; announcing it again", request.run_id)
                self._announce(event, request, attempt="")
                return logic.SUCCESS
            self._sink.send(started(event, request))
            package = self._custom_package(request)
            if package is None:
                return self._attempt(event, request, pipeline, parameters_of(event, request))
        if isinstance(package, Failure):
            return self._refuse(event, request, package)
        return self._attempt_custom(event, request, package)

    def _attempt_custom(self, event: Event, request: RunRequest, package: bytes) -> int:
        declared = logic.declared_parameters(package)
        if declared is None:
            return self._refuse(event, request, logic.NO_PIPELINE)
        parameters, missing = logic.fill_parameters(declared, parameters_of(event, request))
        if missing:
            return self._refuse(event, request, logic.unknown_parameters(missing))
        with closing(self._launch(request.run_id, package)) as pipeline:
            return self._attempt(event, request, pipeline, parameters, custom=True)

    def _attempt(
        self,
        event: Event,
        request: RunRequest,
        pipeline: Running,
        parameters: Mapping[str, Any],
        *,
        custom: bool = False,
    ) -> int:
        succeeded = pipeline.run(parameters)
        told = pipeline.announced()
        attempt = parameters.get("attempt") or uuid.uuid4().hex
        completed = told or records.read_card(self._store, request.output, request.run_id) is not None
        failure = None if completed else records.read_failure(self._store, request.output, attempt)
        if not completed and failure is None:
            failure = logic.NO_CARD if custom and succeeded else UNSAID
            records.write_failure(self._store, request.output, attempt, failure)
        follows = logic.after_attempt(
            announced=told,
            completed=completed,
            failure=failure,
            attempts=0 if completed else records.count_failures(self._store, request.output),
            max_attempts=self._settings.max_attempts,
        )
        if follows is Next.RETRY:
            log.warning("the attempt failed for its surroundings; the job is to be tried again")
            return logic.RETRY
        if follows is Next.ANNOUNCE:
            self._announce(event, request, attempt)
        return logic.SUCCESS

    def _announce(self, event: Event, request: RunRequest, attempt: str) -> None:
        sent = announce(self._store, self._sink.send, request, event, attempt=attempt, last=True)
        log.info("announced %s", sent)

    def _refuse(self, event: Event, request: RunRequest, failure: Failure) -> int:
        log.error("%s: %s", failure.step, failure.error)
        self._sink.send(failed(request, event, failure))
        return logic.SUCCESS

    def _custom_package(self, request: RunRequest) -> bytes | Failure | None:
        """Return the user's own compiled pipeline; None: the spec names none; a Failure: it cannot be run."""
        try:
            spec = parse_spec(self._store.get(request.spec.uri, request.spec.sha256), model=request.model)
            if spec.train.pipeline is None:
                return None
            if not self._settings.allow_custom_pipelines:
                return logic.CUSTOM_FORBIDDEN
            return self._store.get(spec.train.pipeline)
        except (SpecError, ObjectMissing, DigestMismatch) as error:
            return Failure("launch", str(error), "correct model.yaml and drop it again", Fault.OWNER)


def parameters_of(event: Event, request: RunRequest) -> dict[str, Any]:
    """Return the parameters of a new attempt."""
    return {
        **request.to_parameters(),
        "attempt": uuid.uuid4().hex,
        "cause": cause_to_json(event),
        "started": datetime.now(UTC).isoformat(),
        "last": False,
    }


def started(event: Event, request: RunRequest) -> Event:
    """Build `training.started`."""
    payload = TrainingStarted(
        model=request.model, version=request.version, run_id=request.run_id, launcher="kfp.local"
    )
    return answer(event, TRAINING_STARTED, SOURCE, subject_of(request), payload)
