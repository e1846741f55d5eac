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
    return originate(kinds.PERFORMANCE_DEGRADED, "/test", "churn", {"version": 1}, id_=id_, now=NOON)


@pytest.fixture
def row() -> GovernorRow:
    return GovernorRow(model="churn", pending_reasons="", pending_depth=0, pending_trained=0)


def test_the_version_is_that_of_the_alarms_whatever_else_waits(row: GovernorRow) -> None:
    pending.merge(row, Reason.DATASET, alarm("d"), NOON)
    assert pending.alarmed_version(row) is None
    pending.merge(row, Reason.DRIFT, alarm(), NOON, version=2)
    pending.merge(row, Reason.AGE, alarm("t"), NOON)
    assert pending.alarmed_version(row) == 2
    pending.drop_alarms(row)
    assert (row.pending_reasons, pending.alarmed_version(row)) == ("age,dataset", None)


def test_alarms_that_an_earlier_release_wrote_are_read_without_a_version(row: GovernorRow) -> None:
    row.pending_reasons = "performance"
    row.pending_cause = dump_event(Event("a", "/test", kinds.PERFORMANCE_DEGRADED, "churn/v1", NOON))
    row.pending_first_at = row.pending_last_at = NOON
    assert pending.alarmed_version(row) is None
    pending.merge(row, Reason.DRIFT, alarm("b"), NOON, version=2)
    assert row.pending_reasons == "drift,performance"


def test_what_cannot_be_told_apart_is_kept(row: GovernorRow) -> None:
    pending.merge(row, Reason.PERFORMANCE, alarm(), NOON, version=1)
    pending.merge(row, Reason.DRIFT, alarm("b"), NOON)
    assert (row.pending_reasons, pending.alarmed_version(row)) == ("drift,performance", 1)
