"""Tests of what an InferenceService is read to say."""

from __future__ import annotations

from typing import Any

import pytest

from functions.roll_out_model.deployer import ServedVersion, Traffic
from functions.roll_out_model.kserve_service import SHA256, SOURCE_URI, KServeOptions, inference_service_of
from functions.roll_out_model.kserve_status import Deployed, owners_of_percent

READY = {"type": "Ready", "status": "True"}


def revision(number: int, version: int, deployment: str, ready: str = "True") -> dict[str, Any]:
    uri = f"s3://models/v{version}"
    notes = {"kascade.dev/deployment": deployment, SOURCE_URI: uri, SHA256: "a" * 64}
    return {
        "metadata": {
            "name": f"churn-predictor-{number:05d}",
            "labels": {"kascade.dev/version": str(version)},
            "annotations": notes,
        },
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def deployed(version: int, percent: int | None, *revisions: dict[str, Any], **component: Any) -> Deployed:
    """Return a model whose object names a version by its second write; revisions by their numbers."""
    served = ServedVersion("churn", version, f"s3://models/v{version}", "a" * 64)
    body = inference_service_of(served, percent, "second", KServeOptions())
    named = {
        key: f"churn-predictor-{value:05d}" if isinstance(value, int) else value
        for key, value in component.items()
    }
    named["traffic"] = [
        {"revisionName": f"churn-predictor-{number:05d}", "percent": share}
        for number, share in component.get("traffic", ())
    ]
    body["status"] = {"components": {"predictor": named}, "conditions": [READY]}
    return Deployed.of(body, revisions)


CANARY = {
    "latestCreatedRevision": 2,
    "latestReadyRevision": 2,
    "latestRolledoutRevision": 1,
    "traffic": [(2, 10), (1, 90)],
}


def test_a_canary_is_read_from_the_platforms_traffic() -> None:
    found = deployed(2, 10, revision(1, 1, "first"), revision(2, 2, "second"), **CANARY)

    assert (found.requested, found.serving, found.in_force) == (Traffic(1, 2, 10), {1: 90, 2: 10}, True)


def test_a_status_from_before_the_change_is_not_believed() -> None:
    """The object has another percent, or names another version, than what is at work."""
    revisions = (revision(1, 1, "first"), revision(2, 2, "second"))
    assert not deployed(2, 20, *revisions, **CANARY).in_force
    assert not deployed(2, None, *revisions, **CANARY).in_force
    found = deployed(3, 0, *revisions, **CANARY)
    assert (found.created, found.is_ready, found.in_force) == (None, False, False)


def test_the_old_revision_of_a_version_that_comes_back_is_not_taken_for_its_new_one() -> None:
    """The object names v1 again; the status still speaks of the revision that v1 had before."""
    found = deployed(
        1,
        0,
        revision(1, 1, "first"),
        latestCreatedRevision=1,
        latestReadyRevision=1,
        latestRolledoutRevision=1,
    )

    assert not found.is_ready
    assert found.requested is None


@pytest.mark.parametrize("percent", [-1, 100, 101])
def test_a_percent_that_is_never_asked_for_is_no_traffic_of_ours(percent: int) -> None:
    found = deployed(2, percent, revision(1, 1, "first"), revision(2, 2, "second"), **CANARY)
    assert found.requested is None


def test_traffic_to_a_revision_of_somebody_else_is_seen_as_foreign() -> None:
    found = deployed(2, 10, revision(2, 2, "second"), **CANARY)
    assert found.serving == {0: 90, 2: 10}
    assert found.requested == Traffic(0, 2, 10)
    assert list(found.versions) == [2]


def test_what_a_version_was_made_of_is_read_from_its_revision() -> None:
    found = deployed(2, 10, revision(1, 1, "first"), revision(2, 2, "second"), **CANARY)

    assert found.served(1) == ServedVersion("churn", 1, "s3://models/v1", "a" * 64)
    assert found.served(9) is None


def test_who_else_set_the_percent_is_read_from_the_managed_fields() -> None:
    def entry(manager: str, field: str) -> dict[str, Any]:
        return {"manager": manager, "fieldsV1": {"f:spec": {"f:predictor": {field: {}}}}}

    fields = [
        entry("kascade", "f:canaryTrafficPercent"),
        entry("kubectl-edit", "f:canaryTrafficPercent"),
        entry("argocd", "f:minReplicas"),
    ]
    assert owners_of_percent({"metadata": {"managedFields": fields}}, "kascade") == ["kubectl-edit"]
    assert owners_of_percent({"metadata": {}}, "kascade") == []
