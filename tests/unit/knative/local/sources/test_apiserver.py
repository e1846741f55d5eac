"""What an ApiServerSource sends of a change, and what it may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.resources.kinds import JOB, problems_of
from knative.local.resources.objects import Key
from knative.local.sources.apiserver import event_of

JOBS = {"apiVersion": "batch/v1", "kind": "Job"}
BODY = {"metadata": {"name": "work", "namespace": "ns"}, "status": {"failed": 4}}


def source(*resources: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "ApiServerSource",
        "metadata": {"name": "jobs"},
        "spec": {"resources": list(resources), "sink": {"uri": "http://127.0.0.1:1"}, **spec},
    }


def test_in_the_mode_resource_the_object_is_sent() -> None:
    event = event_of({"mode": "Resource"}, "http://api", "MODIFIED", Key(JOB, "ns", "work"), BODY)
    assert event.type == "dev.knative.apiserver.resource.update"
    assert event.subject == "/apis/batch/v1/namespaces/ns/jobs/work"
    assert event.data == {**BODY, "apiVersion": "batch/v1", "kind": "Job"}
    assert event.extensions == {"kind": "Job", "apiversion": "batch/v1", "name": "work", "namespace": "ns"}


def test_in_the_mode_reference_only_what_names_it_is_sent() -> None:
    overrides = {"ceOverrides": {"extensions": {"from": "here"}}}
    event = event_of(overrides, "http://api", "DELETED", Key(JOB, "ns", "work"), BODY)
    assert event.type == "dev.knative.apiserver.ref.delete"
    assert event.data == {"kind": "Job", "name": "work", "namespace": "ns", "apiVersion": "batch/v1"}
    assert event.extensions["from"] == "here"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (source({**JOBS, "kind": "Jobb"}), "cannot run a batch/v1 Jobb; did you mean"),
        (source(), "resources"),
        (source(JOBS, filters=[{"exact": {"type": "t"}}]), "write the filters into a Trigger"),
        (source(JOBS, mode="Ref"), "mode"),
    ],
)
def test_what_could_never_tell_anything_is_refused(body: dict[str, Any], said: str) -> None:
    problems = [str(each) for each in problems_of(body)]
    assert [each for each in problems if said.partition(";")[0] in each], problems


def test_what_jobs_there_are_can_be_watched() -> None:
    selector = {"matchLabels": {"a": "b"}}
    assert problems_of(source({**JOBS, "selector": selector}, mode="Resource", serviceAccountName="me")) == []
