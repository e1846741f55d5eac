"""Whatever happens on the platform meanwhile, a goal is reached and traffic only goes to who is ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.roll_out_model.deployer import Readiness, ServedVersion, Traffic
from functions.roll_out_model.logic import Hold, Promote, RollBack, Rollout, Stage, Wait
from functions.roll_out_model.memory_deployer import PENDING, MemoryDeployer
from functions.roll_out_model.platform import roll_out

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
V1, V2 = (
    ServedVersion("churn", version, f"s3://models/churn/v{version}/model.onnx", "0" * 64)
    for version in (1, 2)
)
SECOND = Rollout(V2, V1, NOW + timedelta(minutes=2))
STEPS = st.lists(st.sampled_from(["check", "ready", "delete", "shift", "crash", "late"]), max_size=12)


def serving_first() -> MemoryDeployer:
    deployer = MemoryDeployer()
    deployer.deploy(V1, None)
    deployer.make_ready("churn", 1)
    deployer.shift("churn", Traffic(1))
    return deployer


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_whatever_happens_the_champion_serves_until_the_new_version_does(steps: list[str]) -> None:
    """No order of readiness, crashes and hands leaves the model pointing at what is not ready."""
    deployer = serving_first()
    gone = False
    for step in [*steps, "check", "ready", "check"]:
        seen = deployer.observe("churn")
        if step == "delete":
            deployer.delete_by_hand("churn")
            gone = True
        elif step == "shift" and seen.latest:
            deployer.shift_by_hand("churn", 1)
        elif step == "ready" and 2 in seen.versions:
            deployer.make_ready("churn", 2)
        elif step == "crash" and seen.status(2) == PENDING:
            deployer.make_failed("churn", 2, "ExitCode4: crashed")
        else:
            progress = roll_out(deployer, SECOND, SECOND.deadline if step == "late" else NOW)
            if not isinstance(progress.last, Wait):
                break
        serving = deployer.observe("churn").serving
        assert gone or sum(serving.values()) == 100
        assert all(deployer.observe("churn").status(each).readiness is Readiness.READY for each in serving)
    assert not isinstance(progress.last, Wait)
    expected = {2: 100} if isinstance(progress.last, Promote) else {1: 100}
    final = deployer.observe("churn")
    assert final.serving == expected or gone
    assert isinstance(progress.last, Promote) or 2 not in final.versions


HANDS = st.lists(st.sampled_from(["check", "ready", "shift", "mirror", "unmirror"]), max_size=10)
STAGES = st.lists(
    st.sampled_from([Stage.SHADOW, Stage.CANARY, Stage.REPLACE, Stage.ABANDON]), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=200)
@given(STAGES, HANDS)
def test_each_stage_is_reached_from_anywhere_and_traffic_only_goes_to_what_is_ready(
    stages: list[Stage], hands: list[str]
) -> None:
    deployer = serving_first()
    for stage in stages:
        rollout = replace(SECOND, stage=stage, percent=10, message="told to")
        for hand in [*hands, "check", "ready", "check"]:
            if hand == "ready" and 2 in deployer.observe("churn").versions:
                deployer.make_ready("churn", 2)
            elif hand == "shift":
                deployer.shift_by_hand("churn", 1)
            elif hand == "mirror":
                deployer.mirror_by_hand("churn")
            elif hand == "unmirror":
                deployer.mirror("churn", None)
            else:
                last = roll_out(deployer, rollout, NOW).last
            serving = deployer.observe("churn").serving
            assert sum(serving.values()) == 100
            assert all(
                deployer.observe("churn").status(each).readiness is Readiness.READY for each in serving
            )
        final = deployer.observe("churn")
        reached = (last, final.serving, final.mirror)
        match stage:
            case Stage.SHADOW:
                assert reached == (Hold(), {1: 100}, 2)
            case Stage.CANARY:
                assert reached == (Hold(), {1: 90, 2: 10}, None)
            case Stage.REPLACE:
                assert reached == (Promote(), {2: 100}, None)
            case _:
                assert reached == (RollBack("told to"), {1: 100}, None)
                assert 2 not in final.versions
