"""Tests of the next step of a rollout, and of the place of an approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.event import Event
from functions.roll_out_model.advance import advance
from functions.roll_out_model.logic import (
    Copy,
    Deploy,
    Hold,
    Observed,
    Promote,
    Readiness,
    RevisionStatus,
    RollBack,
    Rollout,
    Route,
    Shift,
    Stage,
    Wait,
    Wanted,
    next_action,
)
from functions.roll_out_model.memory_deployer import MemoryDeployer
from functions.roll_out_model.places import Place, Standing, place_of
from functions.roll_out_model.records import Moment

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
V1, V2 = (
    Wanted("churn", version, f"s3://models/churn/v{version}/model.onnx", "0" * 64) for version in (1, 2)
)
FIRST = Rollout(V1, None, NOW + timedelta(minutes=2))
SECOND = Rollout(V2, V1, NOW + timedelta(minutes=2))
READY, PENDING = RevisionStatus(Readiness.READY), RevisionStatus(Readiness.PENDING, "Deploying", "starts")
CRASHED = RevisionStatus(Readiness.FAILED, "ExitCode4", "serve_model cannot start")


def observed(
    template: str, pinned: dict[str, int], serving: dict[str, int], **revisions: RevisionStatus
) -> Observed:
    named = {f"churn-{name}": status for name, status in revisions.items()}
    return Observed(template, named, pinned, serving, "http://churn")


FIRST_ALL = Route({"churn-v1": 100})
SECOND_ALL = Route({"churn-v2": 100}, {"previous": "churn-v1"})


def test_the_first_version_is_deployed_with_traffic_to_whatever_becomes_ready() -> None:
    assert next_action(FIRST, Observed(), NOW) == Deploy(keep=None)


def test_a_template_that_was_taken_is_not_sent_again_while_its_revision_has_not_appeared() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY)

    assert next_action(SECOND, scene, NOW) == Wait("churn-v2 has not appeared yet")
    late = next_action(SECOND, scene, SECOND.deadline)
    assert isinstance(late, RollBack)


def test_a_process_that_ended_at_its_start_has_until_the_deadline() -> None:
    for reason in ("ExitCode1", "ExitCode137"):
        ended = RevisionStatus(Readiness.FAILED, reason, "the object store does not answer")
        scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=ended)

        assert isinstance(next_action(SECOND, scene, NOW), Wait)
        assert isinstance(next_action(SECOND, scene, SECOND.deadline), RollBack)
        assert isinstance(next_action(replace(SECOND, standing=True), scene, NOW), RollBack)


def test_a_later_version_is_deployed_beside_the_champion() -> None:
    scene = observed("churn-v1", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY)

    assert next_action(SECOND, scene, NOW) == Deploy(keep="churn-v1")


def test_a_revision_that_starts_is_waited_for() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=PENDING)

    assert next_action(SECOND, scene, NOW) == Wait("Deploying: starts")


def test_traffic_moves_once_the_revision_is_ready() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=READY)

    assert next_action(SECOND, scene, NOW) == Shift(SECOND_ALL)


def test_the_first_version_is_pinned_though_it_serves_already() -> None:
    scene = observed("churn-v1", {"": 100}, {"churn-v1": 100}, v1=READY)

    assert next_action(FIRST, scene, NOW) == Shift(FIRST_ALL)


def test_a_version_is_promoted_only_when_the_traffic_has_arrived() -> None:
    asked = observed("churn-v2", {"churn-v2": 100}, {"churn-v1": 100}, v1=READY, v2=READY)
    moved = observed("churn-v2", {"churn-v2": 100}, {"churn-v2": 100}, v1=READY, v2=READY)
    asked, moved = (replace(scene, tags={"previous": "churn-v1"}) for scene in (asked, moved))

    assert isinstance(next_action(SECOND, asked, NOW), Wait)
    assert isinstance(next_action(SECOND, moved, NOW), Wait)
    assert next_action(SECOND, replace(moved, tag_urls={"previous": "http://previous"}), NOW) == Promote()


def test_a_revision_that_failed_is_rolled_back_with_the_platforms_reason() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=CRASHED)

    action = next_action(SECOND, scene, NOW)

    assert action == RollBack("churn-v2 did not become ready: ExitCode4: serve_model cannot start")


def test_a_failure_that_may_pass_is_waited_for_until_the_deadline() -> None:
    full = RevisionStatus(Readiness.FAILED, "Unschedulable", "0/3 nodes are available")
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=full)

    assert next_action(SECOND, scene, NOW) == Wait("Unschedulable: 0/3 nodes are available")
    late = next_action(SECOND, scene, SECOND.deadline)
    assert isinstance(late, RollBack)
    assert "in time: Unschedulable: 0/3 nodes are available" in late.message


def test_a_revision_that_is_not_ready_by_the_deadline_is_rolled_back() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=PENDING)

    assert isinstance(next_action(SECOND, scene, SECOND.deadline), RollBack)


def test_a_service_deleted_by_hand_is_made_again() -> None:
    assert next_action(SECOND, Observed(), NOW) == Deploy(keep=None)


def test_a_template_changed_by_hand_is_changed_back() -> None:
    scene = observed("churn-mine", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=PENDING, mine=READY)

    assert next_action(SECOND, scene, NOW) == Deploy(keep="churn-v1")


def test_without_the_champions_revision_the_one_that_serves_most_keeps_the_traffic() -> None:
    shares = {"churn-a": 30, "churn-b": 70}
    scene = observed("churn-b", shares, shares, a=READY, b=READY)

    assert next_action(SECOND, scene, NOW) == Deploy(keep="churn-b")


def test_traffic_moved_by_hand_after_the_shift_is_moved_again() -> None:
    scene = observed("churn-v2", {"churn-v1": 50, "churn-v2": 50}, {"churn-v2": 100}, v1=READY, v2=READY)

    assert next_action(SECOND, scene, NOW) == Shift(SECOND_ALL)


STEPS = st.lists(st.sampled_from(["look", "ready", "delete", "pin", "crash", "late"]), max_size=12)


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_whatever_happens_the_champion_serves_until_the_new_version_does(steps: list[str]) -> None:
    """No order of readiness, crashes and hands leaves the model pointing at what is not ready."""
    deployer = MemoryDeployer()
    deployer.ensure_revision(V1, None)
    deployer.make_ready("churn", "churn-v1")
    deployer.shift("churn", FIRST_ALL)
    gone = False
    for step in [*steps, "look", "ready", "look"]:
        scene = deployer.observe("churn")
        if step == "delete":
            deployer.delete("churn")
            gone = True
        elif step == "pin" and scene.template:
            deployer.pin("churn", {"churn-v1": 100})
        elif step == "ready" and "churn-v2" in scene.revisions:
            deployer.make_ready("churn", "churn-v2")
        elif step == "crash" and scene.status("churn-v2") == PENDING:
            deployer.make_failed("churn", "churn-v2", "ExitCode4", "crashed")
        else:
            now = SECOND.deadline if step == "late" else NOW
            progress = advance(deployer, SECOND, Moment(Event("1", "/t", "t"), now))
            if not isinstance(progress.last, Wait):
                break
        serving = deployer.observe("churn").serving
        assert gone or sum(serving.values()) == 100
        assert all(deployer.observe("churn").status(name).readiness is Readiness.READY for name in serving)
    assert not isinstance(progress.last, Wait)
    expected = {"churn-v2": 100} if isinstance(progress.last, Promote) else {"churn-v1": 100}
    final = deployer.observe("churn")
    assert final.serving == expected or gone
    assert isinstance(progress.last, Promote) or "churn-v2" not in final.revisions


SHADOW = replace(SECOND, stage=Stage.SHADOW)
CANARY = replace(SECOND, stage=Stage.CANARY, percent=10, standing=True)


def test_a_shadow_gets_a_tag_then_copies_and_then_stands() -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=READY)
    assert next_action(SHADOW, scene, NOW) == Shift(Route({"churn-v1": 100}, {"challenger": "churn-v2"}))
    tagged = replace(scene, tags={"challenger": "churn-v2"}, tag_urls={"challenger": "http://c"})
    assert next_action(SHADOW, tagged, NOW) == Copy("http://c")
    assert next_action(SHADOW, replace(tagged, shadow="http://old"), NOW) == Copy("http://c")
    assert next_action(SHADOW, replace(tagged, shadow="http://c"), NOW) == Hold()


def test_a_canary_stops_the_copies_and_gets_its_share() -> None:
    tags, urls = {"challenger": "churn-v2"}, {"challenger": "http://c"}
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=READY, v2=READY)
    scene = replace(scene, tags=tags, tag_urls=urls, shadow="http://c")
    assert next_action(CANARY, scene, NOW) == Copy(None)
    scene = replace(scene, shadow=None)
    assert next_action(CANARY, scene, NOW) == Shift(Route({"churn-v1": 90, "churn-v2": 10}, tags))
    shares = {"churn-v1": 90, "churn-v2": 10}
    assert next_action(CANARY, replace(scene, pinned=shares, serving=shares), NOW) == Hold()


@pytest.mark.parametrize("rollout", [SHADOW, CANARY])
@pytest.mark.parametrize("status", [PENDING, CRASHED])
def test_while_the_champion_rests_nothing_moves_to_who_is_being_judged(
    rollout: Rollout, status: RevisionStatus
) -> None:
    scene = observed("churn-v2", {"churn-v1": 100}, {"churn-v1": 100}, v1=status, v2=READY)
    assert isinstance(next_action(rollout, scene, NOW), Wait)


def test_a_challenger_that_fails_after_its_phase_stood_is_rolled_back() -> None:
    scene = observed("churn-v2", {"churn-v1": 90, "churn-v2": 10}, {"churn-v1": 100}, v1=READY, v2=CRASHED)
    action = next_action(CANARY, scene, SECOND.deadline)
    assert action == RollBack("churn-v2 failed: ExitCode4: serve_model cannot start")


def test_a_challenger_whose_phase_stood_has_no_deadline_to_become_ready() -> None:
    scene = observed("churn-v2", {"churn-v1": 90, "churn-v2": 10}, {"churn-v1": 100}, v1=READY, v2=PENDING)
    assert isinstance(next_action(CANARY, scene, SECOND.deadline), Wait)


HANDS = st.lists(st.sampled_from(["look", "ready", "pin", "copy", "uncopy"]), max_size=10)
STAGES = st.lists(
    st.sampled_from([Stage.SHADOW, Stage.CANARY, Stage.REPLACE, Stage.ABANDON]), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=200)
@given(STAGES, HANDS)
def test_each_stage_is_reached_from_anywhere_and_traffic_only_goes_to_what_is_ready(
    stages: list[Stage], hands: list[str]
) -> None:
    deployer = MemoryDeployer()
    deployer.ensure_revision(V1, None)
    deployer.make_ready("churn", "churn-v1")
    deployer.shift("churn", FIRST_ALL)
    for stage in stages:
        rollout = replace(SECOND, stage=stage, percent=10, message="told to")
        for hand in [*hands, "look", "ready", "look"]:
            if hand == "ready" and "churn-v2" in deployer.observe("churn").revisions:
                deployer.make_ready("churn", "churn-v2")
            elif hand == "pin":
                deployer.pin("churn", {"churn-v1": 100})
            elif hand == "copy":
                deployer.copy("churn", 1, "http://elsewhere")
            elif hand == "uncopy":
                deployer.copy("churn", 1, None)
            else:
                last = advance(deployer, rollout, Moment(Event("1", "/t", "t"), NOW)).last
            serving = deployer.observe("churn").serving
            assert sum(serving.values()) == 100
            assert all(
                deployer.observe("churn").status(each).readiness is Readiness.READY for each in serving
            )
        final = deployer.observe("churn")
        match stage:
            case Stage.SHADOW:
                assert (last, final.serving, final.shadow) == (
                    Hold(),
                    {"churn-v1": 100},
                    final.tag_urls["challenger"],
                )
            case Stage.CANARY:
                assert (last, final.serving, final.shadow) == (Hold(), {"churn-v1": 90, "churn-v2": 10}, None)
            case Stage.REPLACE:
                assert (last, final.serving, final.shadow) == (Promote(), {"churn-v2": 100}, None)
            case _:
                assert (last, final.serving, final.shadow) == (RollBack("told to"), {"churn-v1": 100}, None)
                assert "churn-v2" not in final.revisions


@pytest.mark.parametrize(
    ("version", "standing", "by_person", "expected"),
    [
        (1, Standing(), False, Place.START),
        (2, Standing(champion=1), False, Place.START),
        (2, Standing(active=2), False, Place.UNDER_WAY),
        (3, Standing(active=2, queued=3), True, Place.UNDER_WAY),
        (3, Standing(active=2), False, Place.QUEUE),
        (4, Standing(active=2, queued=3), False, Place.QUEUE),
        (3, Standing(active=2, queued=4), False, Place.SUPERSEDED),
        (2, Standing(champion=3), False, Place.SUPERSEDED),
        (2, Standing(champion=3), True, Place.START),
        (1, Standing(champion=2, active=3), True, Place.QUEUE),
        (2, Standing(champion=2), False, Place.CHAMPION),
        (2, Standing(champion=2), True, Place.CHAMPION),
        (2, Standing(champion=2, active=3), False, Place.CHAMPION),
    ],
)
def test_an_approval_finds_its_place(
    version: int, standing: Standing, by_person: bool, expected: Place
) -> None:
    assert place_of(version, standing, by_person=by_person) is expected
