"""One look at one run: hand it to the engine, ask how it goes, end it, and say what there is to say."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from eventing.event import Event
from eventing.store import Store
from functions.launch_training.logic import ATTEMPT, Schedule, never_taken, vanished
from pipelines import records
from pipelines.announcement import announce, failed
from pipelines.engines import Refused, RunState, TrainingEngine, Unavailable
from pipelines.engines.prepare import prepare_run, started_event
from pipelines.records import Failure
from pipelines.request import RunRequest

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run as the state has it.

    Attributes:
        event: the approval that asked for it.
        submitted: the engine has it.
        cancelled: it is to be ended.
    """

    request: RunRequest
    event: Event
    approved_at: datetime
    submitted: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class Progress:
    """How a run stands after a look.

    Attributes:
        over: there is nothing left to look after.
        error: why the engine could not be asked.
        answers: what is announced of it.
    """

    run: Run
    over: bool = False
    error: str | None = None
    answers: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Launcher:
    """Calls the engine for one run at a time. Every method may be repeated."""

    store: Store
    engine: TrainingEngine
    schedule: Schedule
    allow_code: bool

    def drive(self, run: Run, now: datetime) -> Progress:
        """Do what is next for a run. Raises: StoreUnavailable."""
        try:
            if run.cancelled:
                self.engine.cancel(run.request.run_id)
                return Progress(run, over=True)
            return self._follow(run) if run.submitted else self._submit(run, now)
        except Refused as error:
            return self._failed(run, error.failure)
        except Unavailable as error:
            _log.warning("run %s: %s", run.request.run_id, error)
            if not run.submitted and not run.cancelled and self.schedule.given_up(run.approved_at, now):
                return self._failed(run, never_taken(str(error)))
            return Progress(run, error=str(error))

    def _submit(self, run: Run, now: datetime) -> Progress:
        request = run.request
        if records.read_card(self.store, request.output, request.run_id) is not None:
            return self._announced(run)
        prepared = prepare_run(
            self.store,
            run.event,
            request,
            attempt=ATTEMPT,
            started=now,
            last=True,
            allow_code=self.allow_code,
        )
        self.engine.submit(prepared)
        page = self.engine.page(prepared)
        started = started_event(run.event, request, self.engine.name, page)
        return Progress(replace(run, submitted=True), answers=(started,))

    def _follow(self, run: Run) -> Progress:
        status = self.engine.status(run.request.run_id)
        if status.state is RunState.UNKNOWN:
            return self._announced(run, vanished(self.engine.name))
        return self._announced(run, status.failure) if status.ended else Progress(run)

    def _announced(self, run: Run, failure: Failure | None = None) -> Progress:
        """Announce how a run ended: as its own exit task did, or would have done."""
        request = run.request
        if failure is not None and records.read_failure(self.store, request.output, ATTEMPT) is None:
            records.write_failure(self.store, request.output, ATTEMPT, failure)
        sent: list[Event] = []
        announce(self.store, sent.append, request, run.event, attempt=ATTEMPT, last=True)
        return Progress(run, over=True, answers=tuple(sent))

    def _failed(self, run: Run, failure: Failure) -> Progress:
        return Progress(run, over=True, answers=(failed(run.request, run.event, failure),))
