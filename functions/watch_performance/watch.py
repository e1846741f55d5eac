"""Takes in the champion's labels that have matured, and raises an alarm if its loss has risen.

Labels are taken in by the order of their predictions, each once, in whatever order and however often the
events come: an event only says by which time all of them are joined.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, DecisionInputs, FeedbackJoined, PerformanceDegraded, source_of
from eventing.clock import Clock
from eventing.event import Event, answer
from eventing.store import Store, put_by_digest
from functions.state.database import transaction
from functions.state.handled import Stale, handle_once
from functions.state.specs import labels_window, spec_of
from functions.state.versions import champion, get_version
from functions.watch_performance.labels import next_labels, recent_loss, repeated
from functions.watch_performance.logic import (
    FUNCTION,
    Inputs,
    Policy,
    Progress,
    add_labels,
    baseline_of,
    for_champion,
    inputs_of,
    is_in_quiet_period,
)
from functions.watch_performance.records import lock_progress, read_progress, write_progress
from functions.watch_performance.sequential_test import THRESHOLD, SequentialTest
from pipelines.card import load_card


@dataclass(frozen=True)
class Alarm:
    """The test as it was when it raised the alarm, what it was held against, and what it was made from."""

    test: SequentialTest
    baseline: float
    decided_from: DecisionInputs


@dataclass(frozen=True)
class Watched:
    """A champion before (`start`) and after the labels were taken in that have matured (`progress`)."""

    start: Progress
    progress: Progress
    window: timedelta
    entity: bool
    card: Claim | None
    alarm: Alarm | None = None


@dataclass(frozen=True)
class Watcher:
    """The clients of one process."""

    sessions: sessionmaker[Session]
    store: Store
    clock: Clock

    def watch(self, event: Event, payload: FeedbackJoined) -> list[Event]:
        """Answer with performance.degraded, or with nothing."""
        model = payload.model
        return handle_once(
            self.sessions,
            FUNCTION,
            event,
            read=lambda session: self._read(session, model, payload.through),
            work=lambda watched: self._add_labels(model, watched),
            write=lambda session, watched: self._write(session, event, model, watched),
            now=self.clock(),
        )

    def _read(self, session: Session, model: str, through: datetime) -> Watched:
        start = read_progress(session, model)
        version, window = champion(session, model), labels_window(session, model)
        spec = spec_of(session, model)
        progress = for_champion(start, version, window)
        row = None if version is None else get_version(session, model, version)
        progress = replace(progress, through=max(through, start.through or through))
        entity = spec is not None and spec.entity is not None
        return Watched(start, progress, window, entity, None if row is None else row.card)

    def _add_labels(self, model: str, watched: Watched) -> Watched:
        progress, alarm, baseline = watched.progress, None, None
        if watched.card is None or progress.through is None:
            return watched
        until = progress.through - watched.window
        while True:
            with transaction(self.sessions, read_only=True) as session:
                labels = next_labels(session, model, progress, until)
                skipped = repeated(session, labels)
            if not labels:
                return replace(watched, progress=progress, alarm=alarm)
            if baseline is None:
                baseline = baseline_of(load_card(self.store, watched.card))
            if baseline is None:  # the version cannot be watched
                return watched
            before = progress.test
            progress, raised = add_labels(progress, labels, skipped, baseline)
            if raised is not None and alarm is None:
                inputs = inputs_of(before, labels, skipped, baseline)
                alarm = Alarm(raised, baseline, self._record(model, watched, inputs))

    def _record(self, model: str, watched: Watched, inputs: Inputs) -> DecisionInputs:
        folder = f"s3://reports/{model}/v{watched.progress.version}/decisions"
        policy = Policy(watched.window, watched.entity)
        return DecisionInputs.of(policy, inputs, lambda raw: put_by_digest(self.store, folder, raw))

    def _write(self, session: Session, event: Event, model: str, watched: Watched) -> list[Event]:
        row, found = lock_progress(session, model)
        if found != watched.start:
            raise Stale(f"the labels of {model} were taken in by another")
        progress, alarm, now = watched.progress, watched.alarm, self.clock()
        if alarm is None or progress.version is None or is_in_quiet_period(progress, watched.window, now):
            write_progress(row, progress)
            return []
        write_progress(row, replace(progress, alarmed_at=now))
        degraded = PerformanceDegraded(
            model=model,
            version=progress.version,
            statistic=min(alarm.test.statistic, 1e300),
            threshold=THRESHOLD,
            baseline=alarm.baseline,
            mean_loss=recent_loss(session, model, progress),
            labels=alarm.test.n,
            decided_from=alarm.decided_from,
        )
        subject = f"{model}/v{progress.version}"
        return [answer(event, PerformanceDegraded.type, source_of(FUNCTION), subject, degraded, now=now)]
