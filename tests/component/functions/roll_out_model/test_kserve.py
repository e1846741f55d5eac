"""Whole rollouts on KServe, played, and what people do to them meanwhile."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from support.kserve.controller import Failure
from support.kserve.reach import objects_of
from support.kserve.rollouts import LATER, NOW, champion, rollout, splits, until, version, wait
from support.kserve.server import Platform

from functions.roll_out_model.deployer import Readiness, Refused, Traffic, Unavailable
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.kserve_service import MAX_NAME, KServeOptions
from functions.roll_out_model.kubernetes_objects import OwnedElsewhere
from functions.roll_out_model.logic import Desired, Hold, Promote, RollBack, Stage, Wait
from functions.roll_out_model.platform import reconcile

pytestmark = pytest.mark.slow


def test_a_model_goes_through_shadow_and_canary_and_back_by_a_persons_word(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.SHADOW), Hold)
    trigger = platform.objects["triggers", "shadow-churn"]["spec"]
    assert trigger["subscriber"] == {"uri": "http://latest-churn-predictor.kascade.svc.cluster.local"}
    assert trigger["filters"] == [{"exact": {"type": "dev.kascade.inference.logged", "subject": "churn/v1"}}]
    until(deployer, rollout(2, 1, Stage.CANARY, percent=10, has_served=True), Hold)
    assert ("triggers", "shadow-churn") not in platform.objects
    progress = until(deployer, rollout(2, 1, Stage.REPLACE, has_served=True), Promote)
    assert progress.url == "http://churn-predictor.kascade.example.com"
    until(deployer, rollout(1, 2, Stage.REPLACE), Promote)

    assert splits(platform) == [{1: 100}, {1: 90, 2: 10}, {2: 100}, {1: 100}]
    assert deployer.observe("churn").requested == Traffic(1)


def test_a_version_that_lost_is_taken_back_at_once_and_another_can_follow(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.CANARY, percent=30), Hold)
    until(deployer, rollout(2, 1, Stage.ABANDON, message="it lost"), RollBack)
    assert reconcile(deployer, Desired("churn", version(1), None, frozenset({2})), NOW).last is None
    until(deployer, rollout(3, 1, Stage.CANARY, percent=20), Hold)

    assert splits(platform) == [{1: 100}, {1: 70, 2: 30}, {1: 100}, {1: 80, 3: 20}]


def test_a_version_that_never_starts_is_rolled_back_with_kserves_words(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)
    second = {"name": "MODEL_VERSION", "value": "2"}
    platform.fails = lambda pod: Failure("model.onnx is damaged") if second in pod["env"] else None
    progress = until(deployer, rollout(2, 1, Stage.CANARY, percent=10), RollBack)

    assert "damaged" in str(progress.last)
    assert splits(platform) == [{1: 100}]


def test_a_server_that_may_still_start_is_waited_for(platform: Platform, deployer: KServeDeployer) -> None:
    platform.fails = lambda _: Failure("the object store is away", exit_code=1)
    deployer.deploy(version(1), None)
    goal = rollout(1, None, Stage.REPLACE)

    def told() -> str:
        return deployer.observe("churn").status(1).reason

    wait(lambda: "the object store is away" in told())
    assert deployer.observe("churn").status(1).readiness is Readiness.CRASHED
    assert isinstance(reconcile(deployer, goal, NOW).last, Wait)
    assert "ExitCode1" in str(until(deployer, goal, RollBack, now=LATER).last)


def test_a_runtime_that_is_not_there_is_named_when_the_deadline_has_passed(platform: Platform) -> None:
    deployer = KServeDeployer(objects_of(platform), KServeOptions(runtime="triton"))
    deployer.deploy(version(1), None)
    wait(lambda: "RuntimeNotRecognized" in deployer.observe("churn").status(1).reason)

    assert "RuntimeNotRecognized" in str(
        until(deployer, rollout(1, None, Stage.REPLACE), RollBack, now=LATER)
    )


def test_the_longest_name_that_kserve_serves_goes_through_a_canary_and_one_more_is_refused(
    platform: Platform, deployer: KServeDeployer
) -> None:
    name = "m" * MAX_NAME
    deployer.deploy(version(1, name), None)
    wait(lambda: deployer.observe(name).in_force)
    deployer.deploy(version(2, name), 1)
    wait(lambda: deployer.observe(name).status(2).readiness is Readiness.READY)
    deployer.shift(name, Traffic(1, 2, 10))
    wait(lambda: platform.serving(name) == {1: 90, 2: 10})

    with pytest.raises(Refused, match=f"{MAX_NAME + 1} characters .* at most {MAX_NAME}"):
        deployer.deploy(version(1, name + "m"), None)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            "kserve/kserve-controller:v0.15.2",
            r"KServe 0\.15\.2 serves .* has no canary and replaces what runs",
        ),
        (
            "kserve/kserve-controller:v0.20.0",
            r"KServe 0\.20\.0 serves .* takes spec\.canary and splits no traffic",
        ),
        (
            "example.com:5000/kserve-controller:0.21.0-rc1@sha256:ab",
            r"KServe 0\.21\.0-rc1 .* was never tried",
        ),
        (
            "example.com:5000/kserve-controller@sha256:ab",
            r"KServe serves .* cannot be told: the image is example",
        ),
    ],
)
def test_standard_mode_is_refused_with_the_version_of_kserve_and_what_to_do(
    platform: Platform, deployer: KServeDeployer, image: str, said: str
) -> None:
    platform.mode, platform.image = "Standard", image

    progress = reconcile(deployer, rollout(1, None, Stage.REPLACE), NOW)

    assert isinstance(progress.last, RollBack)
    assert re.search(f"{said}.*install Knative Serving.*DEPLOY_TARGET", progress.last.message)
    assert ("inferenceservices", "churn") not in platform.objects, "nothing was begun"


def test_a_model_that_is_moved_to_standard_mode_is_refused_though_the_version_may_not_be_read(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)
    platform.mode, platform.forbidden = "Standard", {"get deployments"}
    platform.edit("churn", "ann", {"metadata": {"annotations": {"note": "x"}}})
    wait(lambda: platform.objects["inferenceservices", "churn"]["status"]["deploymentMode"] == "Standard")

    with pytest.raises(Refused, match=r'version 0\.20 .*cannot be told: .*cannot get resource "deployments"'):
        deployer.observe("churn")


def test_an_inference_service_that_is_no_models_is_not_touched(
    platform: Platform, deployer: KServeDeployer
) -> None:
    platform.objects["inferenceservices", "churn"] = {
        "metadata": {"name": "churn", "namespace": "kascade", "resourceVersion": "1"},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}},
    }

    for call in (lambda: deployer.deploy(version(1), None), lambda: deployer.delete("churn")):
        with pytest.raises(Refused, match=r"it has no label kascade\.dev/model=churn"):
            call()


def test_what_a_person_set_is_not_fought_over_and_its_owner_is_named(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.CANARY, percent=10), Hold)
    platform.edit("churn", "kubectl-edit", {"spec": {"predictor": {"canaryTrafficPercent": 0}}})
    wait(lambda: platform.serving("churn") == {1: 100})

    with pytest.raises(OwnedElsewhere, match=r'conflict with "kubectl-edit".*canaryTrafficPercent'):
        deployer.shift("churn", Traffic(1, 2, 20))
    with pytest.raises(OwnedElsewhere, match="was set by kubectl-edit: take it out there"):
        deployer.shift("churn", Traffic(2))
    progress = until(deployer, rollout(2, 1, Stage.CANARY, percent=10, has_served=True), RollBack)
    assert "kubectl-edit" in str(progress.last)
    assert platform.serving("churn") == {1: 100}


def test_a_change_that_a_person_made_meanwhile_is_seen_before_anything_is_written(
    platform: Platform, deployer: KServeDeployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.CANARY, percent=10), Hold)
    real = deployer._find

    def edited_since(model: str) -> Any:
        found = real(model)
        platform.edit(model, "kubectl-edit", {"metadata": {"labels": {"team": "a"}}})
        return found

    monkeypatch.setattr(deployer, "_find", edited_since)
    with pytest.raises(Unavailable, match="the object has been modified"):
        deployer.shift("churn", Traffic(1, 2, 20))


def test_a_percent_that_an_old_manifest_brings_back_is_repaired(
    platform: Platform, deployer: KServeDeployer
) -> None:
    """Applied to a promoted version, a percent gives the rest to the version before."""
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.REPLACE), Promote)
    platform.edit("churn", "kascade", {"spec": {"predictor": {"canaryTrafficPercent": 40}}})
    wait(lambda: platform.serving("churn") == {1: 60, 2: 40})

    desired = Desired("churn", version(2), 1, frozenset())
    wait(lambda: reconcile(deployer, desired, NOW).last is None)
    wait(lambda: platform.serving("churn") == {2: 100})


def test_another_champion_than_the_one_that_is_rolled_out_is_brought_back_first(
    platform: Platform, deployer: KServeDeployer
) -> None:
    """A person promoted the challenger amid its canary: dropping the percent is all it takes."""
    champion(deployer)
    until(deployer, rollout(2, 1, Stage.CANARY, percent=10), Hold)
    platform.edit("churn", "kascade", {"spec": {"predictor": {"canaryTrafficPercent": None}}})
    wait(lambda: platform.serving("churn") == {2: 100})

    goal = replace(rollout(2, 1, Stage.CANARY, percent=10), has_served=True)
    until(deployer, goal, Hold)
    wait(lambda: platform.serving("churn") == {1: 90, 2: 10})
