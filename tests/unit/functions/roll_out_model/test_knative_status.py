"""Tests of a model's Knative Service as read."""

from __future__ import annotations

from typing import Any

import pytest

from functions.roll_out_model.deployer import FOREIGN, Readiness, ServedVersion, Status, Traffic
from functions.roll_out_model.knative_service import ServingOptions, service_of, shadow_of, traffic_of
from functions.roll_out_model.knative_status import observed_in, serving_most

V7 = ServedVersion("churn", 7, "s3://models/churn/v7/model.onnx", "a" * 64)
OPTIONS = ServingOptions(namespace="ml", cluster_domain="site")
CANARY = Traffic(6, 7, 10)


def service(traffic: Traffic, routed: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a Service that asks for one traffic and reports another; the same where none is given."""
    found = service_of(V7, "churn-v6", OPTIONS)
    found["metadata"]["generation"] = 3
    found["spec"]["traffic"] = traffic_of("churn", traffic)
    found["status"] = {
        "observedGeneration": 3,
        "url": "http://churn.kascade.localhost",
        "traffic": traffic_of("churn", traffic) if routed is None else routed,
    }
    return found


def revision(name: str, status: str | None = None, **more: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, **more}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]} if status else {}}


def test_what_the_platform_reports_is_read() -> None:
    revisions = [
        revision("churn-v6", "True"),
        revision("churn-v7", "False", reason="ExitCode4", message="boom"),
        revision("churn-v8"),
        revision("churn-mine", "True"),
    ]

    seen = observed_in(service(CANARY), revisions, None, OPTIONS)

    assert seen.latest == 7
    assert seen.requested == CANARY
    assert seen.serving == {6: 90, 7: 10}
    assert seen.in_force
    assert seen.mirror is None
    assert seen.url == "http://churn.kascade.localhost"
    assert seen.versions == {
        6: Status(Readiness.READY),
        7: Status(Readiness.FAILED, "ExitCode4: boom"),
        8: Status(Readiness.PENDING),
    }
    assert seen.status(9).readiness is Readiness.ABSENT


@pytest.mark.parametrize(
    ("reason", "readiness"),
    [
        ("Unschedulable", Readiness.PENDING),
        ("ExitCode1", Readiness.CRASHED),
        ("ExitCode137", Readiness.CRASHED),
        ("ExitCode4", Readiness.FAILED),
        ("ContainerMissing", Readiness.FAILED),
    ],
)
def test_what_a_failed_revision_may_come_to_follows_from_the_reason(
    reason: str, readiness: Readiness
) -> None:
    failed = revision("churn-v7", "False", reason=reason, message="said")

    seen = observed_in(service(CANARY), [failed], None, OPTIONS)

    assert seen.status(7) == Status(readiness, f"{reason}: said")


def test_a_service_without_traffic_sends_it_to_the_newest_ready_revision() -> None:
    found = service(CANARY)
    del found["spec"]["traffic"]

    assert observed_in(found, [], None, OPTIONS).requested is None


@pytest.mark.parametrize("traffic", [Traffic(6), Traffic(6, 7), CANARY, Traffic(7, previous=6)])
def test_traffic_is_read_as_it_was_written(traffic: Traffic) -> None:
    assert observed_in(service(traffic), [], None, OPTIONS).requested == traffic


@pytest.mark.parametrize(
    "by_hand",
    [
        [{"revisionName": "churn-v6", "percent": 50}, {"revisionName": "churn-v7", "percent": 50}],
        [{"revisionName": "churn-v7", "percent": 100, "tag": "challenger"}],
        [{"revisionName": "churn-mine", "percent": 100}],
        [{"latestRevision": True, "percent": 100}],
    ],
)
def test_traffic_that_a_person_wrote_is_not_taken_for_ours(by_hand: list[dict[str, Any]]) -> None:
    found = service(CANARY)
    found["spec"]["traffic"] = by_hand

    assert observed_in(found, [], None, OPTIONS).requested is None


def test_what_was_deployed_by_hand_is_no_version() -> None:
    found = service(CANARY, [{"revisionName": "churn-mine", "percent": 100}])
    found["spec"]["template"]["metadata"]["name"] = "churn-mine"

    seen = observed_in(found, [], None, OPTIONS)

    assert (seen.latest, seen.serving) == (None, {FOREIGN: 100})


def test_a_status_that_is_behind_its_spec_does_not_say_that_the_traffic_has_arrived() -> None:
    found = service(CANARY)
    found["metadata"]["generation"] = 4

    assert not observed_in(found, [], None, OPTIONS).in_force


def test_traffic_has_arrived_only_when_also_the_tags_lead_where_they_are_to() -> None:
    routed = traffic_of("churn", Traffic(7, 5, 0))
    routed[1]["tag"] = "previous"

    assert not observed_in(service(Traffic(7, previous=6), routed), [], None, OPTIONS).in_force


def test_a_shadows_trigger_is_read_as_a_mirror_to_the_challenger_or_elsewhere() -> None:
    trigger = shadow_of("churn", 6, OPTIONS)
    assert trigger["spec"]["subscriber"]["uri"] == "http://challenger-churn.ml.svc.site"

    assert observed_in(service(Traffic(6, 7)), [], trigger, OPTIONS).mirror == 7
    trigger["spec"]["subscriber"]["uri"] = "http://elsewhere"
    assert observed_in(service(Traffic(6, 7)), [], trigger, OPTIONS).mirror == FOREIGN


def test_the_revision_that_serves_most_is_found_whoever_named_it() -> None:
    routed = [{"revisionName": "churn-a", "percent": 30}, {"revisionName": "churn-b", "percent": 70}]
    found = service(CANARY, routed)

    assert serving_most(found, {"churn-a", "churn-b", "churn-v7"}) == "churn-b"
    assert serving_most(found, {"churn-a"}) == "churn-a"
    assert serving_most(found, {"churn-v7"}) is None
