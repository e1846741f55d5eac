"""The job: one `training.approved` becomes one version, and one event that says how it went."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime

from eventing.event import Event
from eventing.sink import EventSink
from eventing.store import Store
from functions.run_training import logic
from functions.run_training.logic import Next
from functions.run_training.progress import Progress
from functions.run_training.settings import Settings
from pipelines import records
from pipelines.announcement import UNSAID, announce, failed
from pipelines.engines import Refused, Run, RunState, RunStatus, TrainingEngine
from pipelines.engines.prepare import prepare_run, started_event
from pipelines.request import RunRequest

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
        self._sink.send(started_event(event, request, self._engine.name))
        try:
            run = prepare_run(
                self._store,
                event,
                request,
                attempt=uuid.uuid4().hex,
                started=datetime.now(UTC),
                last=False,
                allow_code=self._settings.allow_code,
            )
            self._engine.submit(run)
        except Refused as error:
            log.error("%s: %s", error.failure.step, error)
            self._sink.send(failed(request, event, error.failure))
            return logic.SUCCESS
        return self._finish(event, request, run, self._wait(event, request, run))

    def _wait(self, event: Event, request: RunRequest, run: Run) -> RunStatus:
        """Return the status of a run once it has ended; tell meanwhile how far it is."""
        progress = Progress(self._sink, self._settings.progress_s, event, request, run)
        while not (status := self._engine.status(run.run_id)).ended:
            progress.announce(status.begun)
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
