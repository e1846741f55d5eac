"""The order in which the governor handled events, as far as its answers tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from eventing import catalogue as kinds
from eventing.event import CAUSATION, Event
from functions.govern_training.observe import SOURCE
from kascade.replay.moments import DELIVERY, moments
from kascade.replay.recording import Recorded

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def row(
    id_: str, type_: str, happened: float, recorded: float, *, cause: str = "", source: str = "/s"
) -> Recorded:
    data: dict[str, Any] = {"model": "churn"}
    extensions = {CAUSATION: cause} if cause else {}
    event = Event(id_, source, type_, "churn", at(happened), data=data, extensions=extensions)
    return Recorded(int(recorded * 1000), at(recorded), event)


def said(id_: str, type_: str, happened: float, cause: str) -> Recorded:
    return row(id_, type_, happened, happened + 0.01, cause=cause, source=SOURCE)


def order(*log: Recorded) -> list[str]:
    heard = [each for each in log if each.event.source != SOURCE]
    found = moments(log, heard)
    return sorted((each.event.id for each in heard), key=lambda id_: found[id_])


def test_a_deferral_tells_when_its_cause_was_handled() -> None:
    late = row("late", kinds.DATASET_INGESTED, 0, 0.01)
    soon = row("soon", kinds.TRAINING_COMPLETED, 1, 1.01)
    assert order(late, soon, said("d", kinds.TRAINING_DEFERRED, 3, "late")) == ["soon", "late"]
    assert moments([late, said("d", kinds.TRAINING_DEFERRED, 3, "late")], [late])["late"] == at(3)


def test_a_run_is_started_by_the_last_event_before_it_and_not_by_its_cause() -> None:
    drop, timer = row("drop", kinds.DATASET_INGESTED, 0, 0.01), row("timer", kinds.TIMER_DUE, 60, 60.5)
    log = [drop, timer, said("a", kinds.TRAINING_APPROVED, 60.2, "drop")]
    found = moments(log, [drop, timer])
    assert (found["drop"], found["timer"]) == (at(0.01) + DELIVERY, at(60.2))


def test_of_two_triggers_at_one_time_the_runs_cause_was_handled_last() -> None:
    drift, harm = row("drift", kinds.DRIFT_DETECTED, 5, 5.3), row("harm", kinds.PERFORMANCE_DEGRADED, 5, 5.1)
    assert order(drift, harm, said("a", kinds.TRAINING_APPROVED, 7, "harm")) == ["drift", "harm"]


def test_a_silent_trigger_comes_after_the_one_that_was_answered() -> None:
    silent, told = row("silent", kinds.DRIFT_DETECTED, 5, 5.01), row("told", kinds.DRIFT_DETECTED, 5, 5.02)
    assert order(silent, told, said("d", kinds.TRAINING_DEFERRED, 5.03, "told")) == ["told", "silent"]


def test_a_lost_run_that_is_tried_again_was_started_by_its_lease() -> None:
    lease, pending = row("lease", kinds.TIMER_DUE, 9, 9.01), row("pending", kinds.TIMER_DUE, 9, 9.005)
    lost = said("f", kinds.TRAINING_FAILED, 9.02, "lease")
    again = said("a", kinds.TRAINING_APPROVED, 9.02, "drop")
    assert order(lease, pending, lost, again) == ["lease", "pending"]
