"""Rollouts on Seldon, played, where the API does not answer as it should: none is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from contract.functions.roll_out_model.conftest import on_core1, on_core2
from kubernetes.client.exceptions import ApiException
from support.kserve.reach import api_of
from support.seldon.core1 import Core1
from support.seldon.core2 import Core2
from urllib3.exceptions import ReadTimeoutError

from functions.roll_out_model.deployer import Deployer, ServedVersion
from functions.roll_out_model.kubernetes_objects import KubernetesObjects
from functions.roll_out_model.logic import Hold, Promote, RollBack, Rollout, Stage, Wait
from functions.roll_out_model.platform import reconcile
from functions.roll_out_model.seldon_v1_objects import workload_name

pytestmark = pytest.mark.slow

FAULTS: dict[str, tuple[int, str]] = {
    "401": (401, "Unauthorized"),
    "403": (403, 'User "x" cannot get resource "y"'),
    "404": (404, "404 page not found"),
    "409": (409, "the object has been modified"),
    "429": (429, "too many requests"),
    "500": (500, "failed calling webhook"),
    "hang": (0, ""),
    "lost": (0, ""),
}
CHANGES = ("create", "patch", "delete")
DEADLINE_S = 60.0


class Failing:
    """An API whose every call fails once with each fault, in turn, at every stage; then it is answered."""

    def __init__(self, api: Any) -> None:
        self.api, self.stage, self.done = api, "", set[tuple[str, ...]]()
        self.refused: str | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            plural = kwargs["plural"]
            if self.refused is not None and name.startswith(self.refused):
                raise _error(422, f"{plural} is invalid: by a test")
            send = getattr(self.api, name)
            if plural in ("models", "experiments", "seldondeployments", "virtualservices"):
                self._fail(name, plural, lambda: send(*args, **kwargs))
            return send(*args, **kwargs)

        return call

    def _fail(self, name: str, plural: str, send: Callable[[], Any]) -> None:
        for fault, (status, message) in FAULTS.items():
            if (key := (self.stage, name, plural, fault)) not in self.done:
                self.done.add(key)
                if fault == "lost":
                    send()
                if not status:
                    raise ReadTimeoutError(None, "/", "read timed out")  # type: ignore[arg-type]
                raise _error(status, message)


def _error(status: int, message: str) -> ApiException:
    error = ApiException(status=status, reason="by a test")
    error.body = json.dumps({"message": message})
    return error


@pytest.fixture(params=["on_seldon", "on_seldon_v1"])
def subject(request: pytest.FixtureRequest, runtime: Any) -> Any:
    found: Any = request.getfixturevalue(request.param)
    api = Failing(runtime.api)
    found.deployer._objects = KubernetesObjects(api, "kascade")  # type: ignore[arg-type]
    found.api = api
    return found


def rollout(subject: Any, number: int, champion: int | None, stage: Stage, **more: Any) -> Rollout:
    version: ServedVersion = subject.good(number)
    beside = subject.good(champion) if champion else None
    return Rollout(version, beside, datetime.max.replace(tzinfo=None), stage, **more)


def until(subject: Any, goal: Rollout, end: type) -> Any:
    """Reconcile again and again until it ends so; versions start meanwhile."""
    deployer: Deployer = subject.deployer
    deadline = time.monotonic() + DEADLINE_S
    while True:
        progress = reconcile(deployer, goal, datetime(2026, 11, 30))
        subject.end_start(goal.version.version)
        if isinstance(progress.last, end):
            return progress.last
        assert not isinstance(progress.last, RollBack), progress
        assert time.monotonic() < deadline, progress
        time.sleep(0.02)


def test_no_answer_loses_a_rollout_whichever_call_it_meets(subject: Any) -> None:
    stages = (
        ("first", rollout(subject, 1, None, Stage.REPLACE), Promote),
        ("shadow", rollout(subject, 2, 1, Stage.SHADOW), Hold),
        ("canary", rollout(subject, 2, 1, Stage.CANARY, percent=10, has_served=True), Hold),
    )
    for name, goal, end in stages:
        subject.api.stage = name
        until(subject, goal, end)
    subject.api.stage = "abandoned"
    lost = rollout(subject, 2, 1, Stage.ABANDON, message="it lost")
    deadline = time.monotonic() + DEADLINE_S
    while not isinstance(last := reconcile(subject.deployer, lost, datetime(2026, 11, 30)).last, RollBack):
        assert time.monotonic() < deadline, last
        time.sleep(0.02)

    assert last.message == "it lost"
    seen = subject.until(lambda seen: seen.serving == {1: 100})
    assert (2 in seen.versions, seen.mirror) == (False, None)
    assert {fault for *_, fault in subject.api.done} == set(FAULTS)
    assert {name.split("_")[0] for _, name, _, _ in subject.api.done} >= {"get", "create", "patch"}


def test_what_is_refused_ends_the_rollout_in_its_words_and_the_champion_serves_on(subject: Any) -> None:
    subject.api.done = {
        (stage, f"{verb}_namespaced_custom_object", plural, fault)
        for stage in ("",)
        for verb in ("get", "list", *CHANGES)
        for plural in ("models", "experiments", "seldondeployments", "virtualservices")
        for fault in FAULTS
    }
    until(subject, rollout(subject, 1, None, Stage.REPLACE), Promote)
    subject.api.refused = "patch" if "v1" in type(subject.deployer).__name__.lower() else "create"

    progress = reconcile(
        subject.deployer, rollout(subject, 2, 1, Stage.CANARY, percent=10), datetime(2026, 11, 30)
    )

    assert isinstance(progress.last, RollBack)
    assert "by a test" in progress.last.message
    subject.api.refused = None
    assert subject.observe().serving == {1: 100}


def test_an_api_that_is_gone_is_waited_for_past_the_deadline(subject: Any) -> None:
    subject.deployer._objects = KubernetesObjects(api_of("http://127.0.0.1:9"), "kascade")
    goal = replace(rollout(subject, 1, None, Stage.REPLACE), deadline=datetime(2026, 11, 30))

    progress = reconcile(subject.deployer, goal, datetime(2026, 11, 30, 1))

    assert isinstance(progress.last, Wait)
    assert "the API cannot be reached" in progress.last.reason


def test_a_token_that_was_renewed_is_read_again(subject: Any, runtime: Any) -> None:
    class Expired:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            raise _error(401, "Unauthorized")

    objects = KubernetesObjects(Expired(), "kascade", reopen=lambda: runtime.api)  # type: ignore[arg-type]
    subject.deployer._objects = objects

    subject.deployer.deploy(subject.good(1), None)

    assert subject.observe().latest == 1


@pytest.mark.parametrize("generation", [2, 1])
def test_the_longest_name_goes_through_a_canary(
    runtime: Any, core2: Core2, core1: Core1, generation: int
) -> None:
    name, champion, challenger = "m" * 40, 999_999_998, 999_999_999
    found = on_core2(runtime, core2, name) if generation == 2 else on_core1(runtime, core1, name)

    until(found, rollout(found, champion, None, Stage.REPLACE), Promote)
    until(found, rollout(found, challenger, champion, Stage.CANARY, percent=10), Hold)

    assert found.observe().serving == {champion: 90, challenger: 10}
    assert len(workload_name(name, challenger)) <= 63, "it is the value of a label"
