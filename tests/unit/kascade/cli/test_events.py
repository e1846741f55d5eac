"""`kascade events` tells what happened in its order, without the timers, with ids and fixes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from eventing import catalogue as c
from eventing.event import originate

if TYPE_CHECKING:
    from conftest import Desk

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk whose ledger got three events in another order than they happened in."""
    failed = c.TrainingFailed(
        model="churn", version=1, run_id="r", step="train", error="no rows", fix="drop more of them"
    )
    due = c.TimerDue(owner="govern_training", key="churn/lease", due=NOON)
    asked = c.TrainingRequested(model="churn")
    for id_, payload, minute in (("failed", failed, 2), ("timer", due, 1), ("asked", asked, 0)):
        at = NOON + timedelta(minutes=minute)
        desk.record(originate(type(payload).type, "/kascade/test", "churn", payload, id_=id_, now=at))
    return desk


def lines(told: Desk, *words: str) -> list[str]:
    done = told.type("events", *words)
    assert done.exit_code == 0, done.output
    return [line for line in done.stdout.splitlines() if line.strip()]


@pytest.mark.case("I", "events in their order, without timers")
def test_events_are_in_the_order_of_their_times_with_ids_and_fixes_and_without_timers(told: Desk) -> None:
    first, second, fix = lines(told)

    assert ("training.requested" in first, first.endswith(" asked")) == (True, True)
    assert ("training.failed" in second, second.endswith(" failed")) == (True, True)
    assert fix.strip() == "fix: drop more of them"


@pytest.mark.case("I", "events in their order, without timers")
@pytest.mark.parametrize(("words", "shown"), [(("--all",), 3), (("--type", "timer.due"), 1)])
def test_timers_are_told_when_they_are_asked_for(told: Desk, words: tuple[str, ...], shown: int) -> None:
    found = lines(told, *words)

    assert sum("timer.due" in line for line in found) == 1
    assert sum(line.endswith((" asked", " timer", " failed")) for line in found) == shown
