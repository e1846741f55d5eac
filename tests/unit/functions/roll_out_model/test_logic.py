"""Tests of the next step of a rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, ServedVersion, Status, Traffic
from functions.roll_out_model.logic import (
    Deploy,
    Hold,
    Mirror,
    Promote,
    RollBack,
    Rollout,
    Shift,
    Stage,
    Wait,
    next_action,
)

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
V1, V2 = (
    ServedVersion("churn", version, f"s3://models/churn/v{version}/model.onnx", "0" * 64)
    for version in (1, 2)
)
FIRST = Rollout(V1, None, NOW + timedelta(minutes=2))
SECOND = Rollout(V2, V1, NOW + timedelta(minutes=2))
READY, PENDING = Status(Readiness.READY), Status(Readiness.PENDING, "Deploying: starts")
FAILED = Status(Readiness.FAILED, "ExitCode4: serve_model cannot start")
FIRST_ALL, SECOND_ALL = Traffic(1), Traffic(2, previous=1)


def beside(second: Status | None, *, latest: int | None = 2, first: Status = READY) -> Observed:
    """Return what is seen of a second version beside the first, which has the traffic."""
    versions = {1: first} if second is None else {1: first, 2: second}
    return Observed(latest, versions, FIRST_ALL, {1: 100}, in_force=True, url="http://churn")


def test_the_first_version_is_deployed_with_traffic_to_whatever_becomes_ready() -> None:
    assert next_action(FIRST, Observed(), NOW) == Deploy(V1, keep=None)


def test_a_version_that_was_deployed_is_not_deployed_again_while_it_has_not_appeared() -> None:
    assert next_action(SECOND, beside(None), NOW) == Wait("churn-v2 has not appeared yet")
    late = next_action(SECOND, beside(None), SECOND.deadline)
    assert isinstance(late, RollBack)


def test_a_process_that_ended_at_its_start_has_until_the_deadline() -> None:
    seen = beside(Status(Readiness.CRASHED, "ExitCode1: the object store does not answer"))

    assert isinstance(next_action(SECOND, seen, NOW), Wait)
    assert isinstance(next_action(SECOND, seen, SECOND.deadline), RollBack)
    assert isinstance(next_action(replace(SECOND, has_served=True), seen, NOW), RollBack)


def test_a_later_version_is_deployed_beside_the_champion() -> None:
    assert next_action(SECOND, beside(None, latest=1), NOW) == Deploy(V2, keep=1)


def test_a_version_that_starts_is_waited_for() -> None:
    assert next_action(SECOND, beside(PENDING), NOW) == Wait("Deploying: starts")


def test_traffic_moves_once_the_version_is_ready() -> None:
    assert next_action(SECOND, beside(READY), NOW) == Shift(SECOND_ALL)


def test_the_first_version_is_asked_for_by_name_though_it_serves_already() -> None:
    seen = Observed(1, {1: READY}, None, {1: 100})

    assert next_action(FIRST, seen, NOW) == Shift(FIRST_ALL)


def test_a_version_is_promoted_only_when_the_traffic_has_arrived() -> None:
    asked = replace(beside(READY), requested=SECOND_ALL, in_force=False)

    assert isinstance(next_action(SECOND, asked, NOW), Wait)
    moved = replace(asked, serving={2: 100})
    assert isinstance(next_action(SECOND, moved, NOW), Wait)
    assert next_action(SECOND, replace(moved, in_force=True), NOW) == Promote()


def test_a_version_that_failed_is_rolled_back_with_the_platforms_reason() -> None:
    action = next_action(SECOND, beside(FAILED), NOW)

    assert action == RollBack("churn-v2 did not become ready: ExitCode4: serve_model cannot start")


def test_what_may_pass_is_waited_for_until_the_deadline() -> None:
    seen = beside(Status(Readiness.PENDING, "Unschedulable: 0/3 nodes are available"))

    assert next_action(SECOND, seen, NOW) == Wait("Unschedulable: 0/3 nodes are available")
    late = next_action(SECOND, seen, SECOND.deadline)
    assert isinstance(late, RollBack)
    assert "in time: Unschedulable: 0/3 nodes are available" in late.message


def test_a_version_that_is_not_ready_by_the_deadline_is_rolled_back() -> None:
    assert isinstance(next_action(SECOND, beside(PENDING), SECOND.deadline), RollBack)


def test_a_model_deleted_by_hand_is_deployed_again() -> None:
    assert isinstance(next_action(SECOND, Observed(), NOW), Deploy)


def test_what_was_deployed_by_hand_is_changed_back() -> None:
    assert next_action(SECOND, beside(PENDING, latest=None), NOW) == Deploy(V2, keep=1)


def test_traffic_moved_by_hand_after_the_shift_is_moved_again() -> None:
    by_hand = replace(beside(READY), requested=None, serving={2: 100})

    assert next_action(SECOND, by_hand, NOW) == Shift(SECOND_ALL)


SHADOW = replace(SECOND, stage=Stage.SHADOW)
CANARY = replace(SECOND, stage=Stage.CANARY, percent=10, has_served=True)
SHADOWED, CANARIED = Traffic(1, 2), Traffic(1, 2, 10)


def test_a_shadow_is_kept_running_then_mirrored_to_and_then_held() -> None:
    assert next_action(SHADOW, beside(READY), NOW) == Shift(SHADOWED)
    running = replace(beside(READY), requested=SHADOWED)
    assert next_action(SHADOW, running, NOW) == Mirror(SHADOWED)
    assert next_action(SHADOW, replace(running, mirror=FOREIGN), NOW) == Mirror(SHADOWED)
    assert next_action(SHADOW, replace(running, mirror=2), NOW) == Hold()


def test_a_canary_stops_the_mirror_and_gets_its_share() -> None:
    seen = replace(beside(READY), requested=SHADOWED, mirror=2)
    assert next_action(CANARY, seen, NOW) == Mirror(None)
    seen = replace(seen, mirror=None)
    assert next_action(CANARY, seen, NOW) == Shift(CANARIED)
    assert next_action(CANARY, replace(seen, requested=CANARIED, serving=CANARIED.shares), NOW) == Hold()


@pytest.mark.parametrize("rollout", [SHADOW, CANARY])
@pytest.mark.parametrize("status", [PENDING, Status(Readiness.CRASHED), FAILED])
def test_while_the_champion_is_down_nothing_moves_to_who_is_being_judged(
    rollout: Rollout, status: Status
) -> None:
    assert isinstance(next_action(rollout, beside(READY, first=status), NOW), Wait)


@pytest.mark.parametrize("readiness", [Readiness.CRASHED, Readiness.FAILED])
def test_a_challenger_that_fails_after_it_has_served_is_rolled_back(readiness: Readiness) -> None:
    seen = replace(beside(Status(readiness, "ExitCode4: serve_model cannot start")), requested=CANARIED)
    action = next_action(CANARY, seen, SECOND.deadline)
    assert action == RollBack("churn-v2 failed: ExitCode4: serve_model cannot start")


def test_a_challenger_that_has_served_has_no_deadline_to_become_ready() -> None:
    seen = replace(beside(PENDING), requested=CANARIED)
    assert isinstance(next_action(CANARY, seen, SECOND.deadline), Wait)
