"""The traps of Seldon, as its twins have them: what a deployer must not believe, and what it must not do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from support.seldon.core1 import Core1
from support.seldon.core2 import Core2

from functions.roll_out_model import seldon_status, seldon_v1_status
from functions.roll_out_model.deployer import Observed, Readiness, Refused, Traffic, Unavailable
from functions.roll_out_model.seldon_v1_objects import shares_in

EXPERIMENTS = ("mlops.seldon.io", "v1alpha1", "kascade", "experiments")
DEPLOYMENTS = ("machinelearning.seldon.io", "v1", "kascade", "seldondeployments")


def serve(subject: Any, number: int, keep: int | None = None) -> None:
    subject.deployer.deploy(subject.good(number), keep)
    subject.end_start(number)
    subject.until(lambda seen: seen.status(number).readiness is Readiness.READY)


def shift(subject: Any, traffic: Traffic) -> Observed:
    subject.deployer.shift(subject.model, traffic)
    seen: Observed = subject.until(lambda seen: seen.in_force and seen.requested == traffic)
    return seen


def canary(subject: Any) -> None:
    """Bring version 1 to all traffic, and then version 2 to a tenth of it."""
    serve(subject, 1)
    shift(subject, Traffic(1))
    serve(subject, 2, 1)
    shift(subject, Traffic(1, 2, 10))


def told_too_early(subject: Any, traffic: Traffic, routed: Callable[[], bool]) -> bool:
    """Say whether a change is said to be in force while the requests still go as before."""
    subject.deployer.shift(subject.model, traffic)
    seen = subject.observe()
    return seen.in_force and seen.requested == traffic and not routed()


def clusters(core2: Core2, model: str) -> list[tuple[str, int]]:
    with core2.lock:
        return list(core2.routes[f"{model}.experiment"].clusters)


def test_the_status_of_the_spec_before_is_not_believed(on_seldon: Any, core2: Core2) -> None:
    canary(on_seldon)
    model = on_seldon.model

    early = told_too_early(on_seldon, Traffic(2), lambda: clusters(core2, model) == [(f"{model}-v2", 100)])

    assert not early
    on_seldon.until(lambda seen: seen.in_force)
    assert clusters(core2, model) == [(f"{model}-v2", 100)]


def test_a_deployer_that_believes_the_old_status_is_caught(
    on_seldon: Any, core2: Core2, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary(on_seldon)
    model = on_seldon.model

    def naive(experiment: dict[str, Any], _: datetime) -> bool:
        conditions = (experiment.get("status") or {}).get("conditions") or []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    monkeypatch.setattr(seldon_status, "is_in_force", naive)
    with core2.lock:  # Seldon has not acted yet
        early = told_too_early(
            on_seldon, Traffic(2), lambda: clusters(core2, model) == [(f"{model}-v2", 100)]
        )

    assert early


def test_a_challenger_that_breaks_leaves_the_champion_everything_and_is_seen(
    on_seldon: Any, core2: Core2
) -> None:
    canary(on_seldon)
    name = f"{on_seldon.model}-v2"

    core2.broken.add(name)
    seen = on_seldon.until(lambda seen: seen.status(2).readiness is Readiness.FAILED)
    seen = on_seldon.until(lambda seen: not seen.in_force)

    assert seen.status(2).reason == "ModelFailed: the server's replica has gone"
    assert clusters(core2, on_seldon.model) == [(f"{on_seldon.model}-v1", 90)], "of 90, all"


def test_who_gets_requests_gets_no_copies_since_seldon_refuses_both(on_seldon: Any, core2: Core2) -> None:
    serve(on_seldon, 1)
    shift(on_seldon, Traffic(1))
    serve(on_seldon, 2, 1)
    shift(on_seldon, Traffic(1, 2))
    on_seldon.deployer.mirror(on_seldon.model, Traffic(1, 2))
    on_seldon.until(lambda seen: seen.in_force and seen.mirror == 2)

    seen = shift(on_seldon, Traffic(1, 2, 10))

    assert (seen.serving, seen.mirror) == ({1: 90, 2: 10}, None)


def test_what_seldon_refuses_is_not_in_force_and_the_next_change_is(
    on_seldon: Any, runtime: Any, core2: Core2
) -> None:
    canary(on_seldon)
    twice = {"spec": {"mirror": {"name": f"{on_seldon.model}-v2", "percent": 100}}}
    runtime.api.patch_namespaced_custom_object(*EXPERIMENTS, on_seldon.model, twice)
    seen = on_seldon.until(lambda seen: not seen.in_force)
    assert (seen.requested, seen.mirror) == (Traffic(1, 2, 10), 2), "as a person asked"

    shift(on_seldon, Traffic(1, 2, 20))

    assert clusters(core2, on_seldon.model) == [(f"{on_seldon.model}-v1", 80), (f"{on_seldon.model}-v2", 20)]


def test_what_a_person_edits_is_no_traffic_of_ours_and_is_brought_back(on_seldon: Any, runtime: Any) -> None:
    canary(on_seldon)
    own = [{"name": f"{on_seldon.model}-v{number}", "weight": 1} for number in (1, 2)]
    edited = {"spec": {"candidates": [*own, {"name": "iris", "weight": 2}]}}
    runtime.api.patch_namespaced_custom_object(*EXPERIMENTS, on_seldon.model, edited)

    assert on_seldon.observe().requested is None
    assert shift(on_seldon, Traffic(1, 2, 10)).serving == {1: 90, 2: 10}


def test_a_version_that_is_still_being_deleted_is_waited_for(on_seldon: Any, core2: Core2) -> None:
    canary(on_seldon)
    first = on_seldon.good(1)
    on_seldon.deployer.shift(on_seldon.model, Traffic(1))
    on_seldon.until(lambda seen: seen.in_force)

    with core2.lock:  # Seldon does not come to it
        with pytest.raises(Unavailable, match="v2 is still being deleted"):
            on_seldon.deployer.remove(on_seldon.model, 2, first)
        with pytest.raises(Unavailable, match="v2 is still being deleted"):
            on_seldon.deployer.deploy(on_seldon.good(2), 1)
        assert 2 not in on_seldon.observe().versions


@pytest.mark.parametrize("kind", ["Experiment", "SeldonDeployment"])
def test_what_is_somebody_elses_is_not_touched(
    request: pytest.FixtureRequest, runtime: Any, kind: str
) -> None:
    subject: Any = request.getfixturevalue("on_seldon" if kind == "Experiment" else "on_seldon_v1")
    where = EXPERIMENTS if kind == "Experiment" else DEPLOYMENTS
    unit = {"name": "iris", "implementation": "SKLEARN_SERVER", "modelUri": "gs://models/iris"}
    spec = {
        "Experiment": {"candidates": [{"name": "iris", "weight": 50}]},
        "SeldonDeployment": {"predictors": [{"name": "default", "graph": unit}]},
    }
    body = {"metadata": {"name": subject.model}, "spec": spec[kind]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Core1, "act", lambda _: None)
        runtime.api.create_namespaced_custom_object(*where, body)
        for call in (
            lambda: subject.observe(),
            lambda: subject.deployer.delete(subject.model),
            lambda: subject.deployer.deploy(subject.good(1), None),
        ):
            with pytest.raises(Refused, match=f"the {kind} {subject.model} exists and is not a model's"):
                call()
        runtime.api.delete_namespaced_custom_object(*where, subject.model)


def test_core_v1_moves_nothing_before_every_predictor_is_ready(on_seldon_v1: Any) -> None:
    serve(on_seldon_v1, 1)
    shift(on_seldon_v1, Traffic(1))
    on_seldon_v1.deployer.deploy(on_seldon_v1.good(2), 1)

    on_seldon_v1.deployer.shift(on_seldon_v1.model, Traffic(1, 2, 10))
    seen = on_seldon_v1.until(lambda seen: seen.status(2).reason.startswith("Creating"))

    assert (seen.in_force, seen.serving) == (False, {1: 100})
    on_seldon_v1.end_start(2)
    on_seldon_v1.until(lambda seen: seen.in_force and seen.serving == {1: 90, 2: 10})


def test_the_address_in_the_status_of_core_v1_is_past_the_traffic_and_not_told(
    on_seldon_v1: Any, runtime: Any
) -> None:
    canary(on_seldon_v1)
    body = runtime.api.get_namespaced_custom_object(*DEPLOYMENTS, on_seldon_v1.model)

    assert f"{on_seldon_v1.model}-v1." in body["status"]["address"]["url"]
    assert on_seldon_v1.observe().url.endswith(f"/seldon/kascade/{on_seldon_v1.model}")


def test_a_deployer_that_believes_what_it_asked_of_core_v1_is_caught(
    on_seldon_v1: Any, core1: Core1, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary(on_seldon_v1)
    observed_in = seldon_v1_status.observed_in

    def naive(deployment: Any, *given: Any, **options: Any) -> Observed:
        monkeypatch.setattr(seldon_v1_status, "shares_of", lambda _: shares_in(deployment))
        return observed_in(deployment, *given, **options)

    model, url = on_seldon_v1.model, on_seldon_v1.observe().url
    monkeypatch.setattr("functions.roll_out_model.seldon_v1_deployer.observed_in", naive)
    with core1.lock:
        early = told_too_early(on_seldon_v1, Traffic(2), lambda: core1.answerer(url) == "v2")

    assert early, model


def test_a_predictor_that_was_edited_by_somebody_meanwhile_is_kept(on_seldon_v1: Any, runtime: Any) -> None:
    canary(on_seldon_v1)
    body = runtime.api.get_namespaced_custom_object(*DEPLOYMENTS, on_seldon_v1.model)
    predictors = body["spec"]["predictors"]
    predictors[0]["replicas"] = 3
    runtime.api.patch_namespaced_custom_object(
        *DEPLOYMENTS, on_seldon_v1.model, {"spec": {"predictors": predictors}}
    )

    shift(on_seldon_v1, Traffic(1, 2, 20))

    after = runtime.api.get_namespaced_custom_object(*DEPLOYMENTS, on_seldon_v1.model)["spec"]["predictors"]
    assert [(each["name"], each["replicas"], each["traffic"]) for each in after] == [
        ("v1", 3, 80),
        ("v2", 1, 20),
    ]
