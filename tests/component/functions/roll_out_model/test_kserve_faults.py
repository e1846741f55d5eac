"""Rollouts on KServe, played, where the API does not answer as it should: none is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.kserve.reach import api_of
from support.kserve.rollouts import LATER, NOW, champion, rollout, splits, until, version
from support.kserve.server import Platform
from support.kserve.webhooks import Refusal
from werkzeug.wrappers import Response

from functions.roll_out_model import kubernetes_objects
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.kserve_service import KServeOptions
from functions.roll_out_model.kubernetes_objects import KubernetesObjects
from functions.roll_out_model.logic import Hold, Promote, RollBack, Stage, Wait
from functions.roll_out_model.platform import reconcile

pytestmark = pytest.mark.slow

FAULTS: dict[str, Callable[[], Response]] = {
    "401": lambda: _refuse(401, "Unauthorized", "Unauthorized"),
    "403": lambda: _refuse(403, "Forbidden", 'User "x" cannot get resource "y"'),
    "404": lambda: Response("404 page not found\n", 404),
    "409": lambda: _refuse(409, "Conflict", "the object has been modified"),
    "429": lambda: _refuse(429, "TooManyRequests", "too many requests"),
    "500": lambda: _refuse(500, "InternalError", "failed calling webhook"),
    "html": lambda: Response("<html>log in</html>", 200, mimetype="text/html"),
    "hang": lambda: time.sleep(0.6) or Response("", 504),
}


def _refuse(code: int, reason: str, message: str) -> Response:
    raise Refusal(code, reason, message)


@pytest.mark.parametrize("fault", [*FAULTS, "lost"])
def test_no_answer_loses_a_rollout_whichever_call_it_meets(
    platform: Platform, deployer: KServeDeployer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of each step fails once, in turn; the rollout goes on where it was."""
    monkeypatch.setitem(kubernetes_objects._LIMIT, "_request_timeout", 0.3)
    failed: set[tuple[str, str, str]] = set()
    stage = ""

    def is_first(method: str, path: str) -> bool:
        known = (stage, method, path) in failed
        failed.add((stage, method, path))
        return not known

    if fault == "lost":
        platform.lost = is_first
    else:
        platform.fault = lambda method, path: FAULTS[fault]() if is_first(method, path) else None
    for name, goal, end in (
        ("first", rollout(1, None, Stage.REPLACE), Promote),
        ("shadow", rollout(2, 1, Stage.SHADOW), Hold),
        ("canary", rollout(2, 1, Stage.CANARY, percent=10, has_served=True), Hold),
        ("abandoned", rollout(2, 1, Stage.ABANDON, message="it lost"), RollBack),
    ):
        stage = name
        until(deployer, goal, end)

    assert {method for _, method, _ in failed} == {"GET", "POST", "PATCH", "DELETE"}
    assert splits(platform) == [{1: 100}, {1: 90, 2: 10}, {1: 100}]


def test_what_is_refused_ends_the_rollout_in_its_words_and_the_champion_serves_on(
    platform: Platform, deployer: KServeDeployer
) -> None:
    champion(deployer)

    def refuse(method: str, _: str) -> Response | None:
        return _refuse(422, "Invalid", "spec is invalid: by a test") if method == "PATCH" else None

    platform.fault = refuse

    progress = reconcile(deployer, rollout(2, 1, Stage.CANARY, percent=10), NOW)

    assert isinstance(progress.last, RollBack)
    assert "by a test" in progress.last.message
    assert splits(platform) == [{1: 100}]


def test_an_api_that_is_gone_is_waited_for_past_the_deadline() -> None:
    gone = KServeDeployer(KubernetesObjects(api_of("http://127.0.0.1:9"), "kascade"), KServeOptions())

    progress = reconcile(gone, rollout(1, None, Stage.REPLACE), LATER + timedelta(hours=1))

    assert "the API cannot be reached" in str(progress.last)


def test_a_manager_that_is_down_is_waited_for(platform: Platform, deployer: KServeDeployer) -> None:
    champion(deployer)
    platform.webhook = False
    progress = reconcile(deployer, rollout(2, 1, Stage.CANARY, percent=10), NOW)
    assert isinstance(progress.last, Wait)
    assert "failed calling webhook" in progress.last.reason

    platform.webhook = True
    until(deployer, rollout(2, 1, Stage.CANARY, percent=10), Hold)


def test_a_token_that_was_renewed_is_read_again(platform: Platform) -> None:
    tokens = iter(["old", "new"])
    opened = lambda: api_of(platform.url, next(tokens))  # noqa: E731
    deployer = KServeDeployer(KubernetesObjects(opened(), "kascade", reopen=opened), KServeOptions())
    platform.token = "old"
    deployer.deploy(version(1), None)

    platform.token = "new"
    assert deployer.observe("churn").latest == 1


def test_a_right_that_is_missing_is_named_and_waited_for(
    platform: Platform, deployer: KServeDeployer
) -> None:
    platform.forbidden = {"patch inferenceservices"}

    progress = reconcile(deployer, rollout(1, None, Stage.REPLACE), NOW)

    assert 'cannot patch resource "inferenceservices"' in str(progress.last)
    assert "its Role must allow this" in str(progress.last)
