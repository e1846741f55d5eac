"""The job: one `training.approved` becomes one version, and one event that says how it went."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from eventing.catalogue import TrainingStarted
from eventing.event import Event, answer
from eventing.sink import EventSink
from eventing.store import DigestMismatch, ObjectMissing, Store
from functions.run_training import logic
from functions.run_training.engine import Refused, Run, RunState, RunStatus, TrainingEngine
from functions.run_training.logic import Next
from functions.run_training.settings import Settings
from pipelines import records
from pipelines.announcement import SOURCE, UNSAID, announce, cause_to_json, failed, subject_of
from pipelines.records import Failure, Fault
from pipelines.request import RunRequest
from pipelines.spec import SpecError, parse_spec

log = logging.getLogger(__name__)
_POLL_S = 0.05


class Job:
    """Runs one training on an engine, to its end."""

    def __init__(self, settings: Settings, store: Store, sink: EventSink, engine: TrainingEngine) -> None:
        self._settings = settings
        self._store = store
        self._sink = sink
        self._engine = engine

    def run(self, event: Event, request: RunRequest) -> int:
        """Train the version that the event asks for, and announce how it ended.

        Returns: the exit status: SUCCESS when the outcome is announced, RETRY when another attempt may help.
        Raises: StoreUnavailable, SinkError, Unavailable: another attempt may succeed.
        """
        if records.read_card(self._store, request.output, request.run_id) is not None:
            log.info("run %s has completed before; announcing it again", request.run_id)
            self._announce(event, request, attempt="")
            return logic.SUCCESS
        self._sink.send(started(event, request, self._engine.name))
        try:
            run = self._run_of(event, request)
            self._engine.submit(run)
        except Refused as error:
            log.error("%s: %s", error.failure.step, error)
            self._sink.send(failed(request, event, error.failure))
            return logic.SUCCESS
        return self._finish(event, request, run, self._wait(run.run_id))

    def _run_of(self, event: Event, request: RunRequest) -> Run:
        """Return the run of our own pipeline, or of the one that the spec names. Raises: Refused."""
        given, package = parameters_of(event, request), self._custom_package(request)
        if package is None:
            return Run(request.run_id, given)
        declared = logic.declared_parameters(package) or {}
        parameters, missing = logic.fill_parameters(declared, given)
        if missing:
            raise Refused(logic.unknown_parameters(missing))
        return Run(request.run_id, parameters, package)

    def _custom_package(self, request: RunRequest) -> bytes | None:
        """Return the compiled pipeline that the spec names; None: it names none. Raises: Refused."""
        try:
            spec = parse_spec(self._store.get(request.spec.uri, request.spec.sha256), model=request.model)
            if spec.train.pipeline is None:
                return None
            if not self._settings.allow_custom_pipelines:
                raise Refused(logic.CUSTOM_FORBIDDEN)
            return self._store.get(spec.train.pipeline)
        except (SpecError, ObjectMissing, DigestMismatch) as error:
            fix = "correct model.yaml and drop it again"
            raise Refused(Failure("launch", str(error), fix, Fault.OWNER)) from error

    def _wait(self, run_id: str) -> RunStatus:
        """Return the status of a run once it has ended."""
        while not (status := self._engine.status(run_id)).ended:
            time.sleep(_POLL_S)
        return status

    def _finish(self, event: Event, request: RunRequest, run: Run, status: RunStatus) -> int:
        """Announce how an attempt ended, unless it did so itself or another one may help."""
        attempt = run.parameters.get("attempt") or uuid.uuid4().hex
        completed = (
            status.announced or records.read_card(self._store, request.output, request.run_id) is not None
        )
        failure = None if completed else records.read_failure(self._store, request.output, attempt)
        if not completed and failure is None:
            no_card = run.package is not None and status.state is RunState.SUCCEEDED
            failure = logic.NO_CARD if no_card else status.failure or UNSAID
            records.write_failure(self._store, request.output, attempt, failure)
        follows = logic.after_attempt(
            announced=status.announced,
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


def parameters_of(event: Event, request: RunRequest) -> dict[str, Any]:
    """Return the parameters of a new attempt."""
    return {
        **request.to_parameters(),
        "attempt": uuid.uuid4().hex,
        "cause": cause_to_json(event),
        "started": datetime.now(UTC).isoformat(),
        "last": False,
    }


def started(event: Event, request: RunRequest, launcher: str) -> Event:
    """Build `training.started`."""
    payload = TrainingStarted(
        model=request.model, version=request.version, run_id=request.run_id, launcher=launcher
    )
    return answer(event, TrainingStarted.type, SOURCE, subject_of(request), payload)
