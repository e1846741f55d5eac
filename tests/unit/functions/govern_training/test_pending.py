"""What the governor's row remembers of the triggers that wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eventing import catalogue as kinds
from eventing.catalogue import TrainingReason as Reason
from eventing.event import Event, originate
from functions.govern_training import pending
from functions.state.governor import GovernorRow
from functions.state.stored_event import dump_event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def alarm(id_: str = "a") -> Event:
    return originate(kinds.PerformanceDegraded.type, "/test", "churn", {"version": 1}, id_=id_, now=NOON)


@pytest.fixture
def row() -> GovernorRow:
    return GovernorRow(model="churn", pending_reasons="", pending_depth=0, pending_trained=0)


def test_each_alarm_is_about_the_version_of_the_newest_of_its_kind(row: GovernorRow) -> None:
    pending.merge(row, Reason.DATASET, alarm("d"), NOON)
    pending.merge(row, Reason.PERFORMANCE, alarm("p1"), NOON, version=1)
    pending.merge(row, Reason.PERFORMANCE, alarm("p2"), NOON, version=2)
    pending.merge(row, Reason.DRIFT, alarm("f"), NOON, version=1)
    assert pending.alarms_about_others(row, 2) == {Reason.DRIFT: 1}
    assert pending.alarms_about_others(row, 1) == {Reason.PERFORMANCE: 2}


def test_the_cause_is_that_of_the_most_urgent_reason_that_is_left(row: GovernorRow) -> None:
    for reason in (Reason.PERFORMANCE, Reason.MANUAL, Reason.DATASET):
        pending.merge(row, reason, alarm(reason.value), NOON)
    for reason in (Reason.MANUAL, Reason.PERFORMANCE, Reason.DATASET):
        cause = pending.cause_of(row)
        assert cause is not None
        assert cause.id == reason
        pending.drop(row, [reason])
    assert (row.pending_reasons, row.pending_cause, row.pending_first_at) == ("", None, None)


def test_what_an_earlier_release_wrote_is_read_as_an_alarm_about_no_known_version(row: GovernorRow) -> None:
    row.pending_reasons = "dataset,performance"
    row.pending_cause = dump_event(Event("a", "/test", kinds.PerformanceDegraded.type, "churn/v1", NOON))
    row.pending_first_at = row.pending_last_at = NOON
    assert pending.alarms_about_others(row, 1) == {Reason.PERFORMANCE: None}
    pending.merge(row, Reason.DRIFT, alarm("b"), NOON, version=2)
    cause = pending.cause_of(row)
    assert cause is not None
    assert (cause.id, row.pending_reasons) == ("a", "dataset,drift,performance")
