"""The demonstration's story through Kourier, with a client that never sees a failure."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import pytest
from cluster.reach import Cluster, eventually
from cluster.recorded import Ledger
from rich.console import Console

from eventing import catalogue as c
from eventing.event import originate
from eventing.store.s3 import make_client
from kascade.client import connect
from kascade.demo import story as demo

PER_S = 20.0
"""Requests a second: two cores carry the cluster as well."""


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Story]:
    """Return the demonstration, pointed at the cluster and with a model of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "REQUESTS_PER_S", PER_S)
        patch.setattr(demo, "connect", lambda home: connect("k8s://"))
        for name, value in {**cluster.store_environment(), **cluster.kubectl_environment()}.items():
            patch.setenv(name, value)
        patch.setattr(demo, "MODEL", f"digits-{uuid.uuid4().hex[:6]}")
        played = demo.Story(
            cluster.home(tmp_path_factory.mktemp("home")), Console(soft_wrap=True), time.monotonic()
        )
        played.ledger.start()
        try:
            yield played
        finally:
            played.traffic.stop()
            played._labeller.stop()
            played.ledger.stop()
            played._client.__exit__()


def failures(story: demo.Story) -> list[str]:
    return story.traffic.tally.failed


def test_a_dropped_file_becomes_a_model_that_answers(story: demo.Story) -> None:
    began = time.monotonic()
    story.first_version()
    print(f"serves {time.monotonic() - began:.0f} s after the drop")
    eventually(lambda: story.traffic.tally.by_version.get(1), 60, what="answer of v1")


def test_a_better_challenger_is_shadowed_gets_a_tenth_and_is_promoted(story: demo.Story) -> None:
    begun = len(story.ledger.events)
    story.better_challenger()
    seen = [event["type"] for event in story.ledger.events[begun:]]
    phases = [c.RolloutStarted.type, c.RolloutAdvanced.type, c.RolloutCompleted.type]
    assert [each for each in seen if each in phases] == phases
    assert failures(story) == []


def test_drift_and_harm_lead_to_a_retrained_version(story: demo.Story) -> None:
    story.shift()
    assert story.facts["retrained"]
    assert failures(story) == []


def test_a_bad_version_that_a_person_let_through_is_rolled_back(story: demo.Story) -> None:
    story.worse_challenger()
    assert story.facts["rolled_back"]
    assert failures(story) == []


def test_a_version_that_never_becomes_ready_is_rolled_back(
    story: demo.Story, cluster: Cluster, ledger: Ledger
) -> None:
    """A person asks for the version that was rolled back, whose file is gone meanwhile."""
    version = max(
        event["data"]["version"]
        for event in story.ledger.events
        if event["type"] == c.RolloutCompleted.type and event["data"]["outcome"] == "rolled_back"
    )
    trained = next(
        event["data"]
        for event in story.ledger.events
        if event["type"] == c.TrainingCompleted.type and event["data"]["version"] == version
    )
    bucket, _, key = trained["candidate"]["uri"].removeprefix("s3://").partition("/")
    make_client(cluster.store_environment()).delete_object(Bucket=bucket, Key=key)
    serving = traffic_of(cluster)

    approved = c.ModelApproved(model=demo.MODEL, version=version, approved_by="a test")
    story._client.emit(originate(c.ModelApproved.type, "/test", f"{demo.MODEL}/v{version}", approved))

    ended = ledger.wait_for(
        "rollout.completed",
        about=demo.MODEL,
        timeout_s=400,
        matches=lambda event: event["data"]["version"] == version,
    )
    assert ended["data"]["outcome"] == "rolled_back"
    eventually(lambda: traffic_of(cluster) == serving, 60, what=f"way back to {serving}")
    assert failures(story) == []


def traffic_of(cluster: Cluster) -> dict[str, int]:
    """Return the percent of each revision that has traffic."""
    service = cluster.objects("services.serving.knative.dev", demo.MODEL)[0]
    return {
        each["revisionName"]: each["percent"] for each in service["status"]["traffic"] if each.get("percent")
    }


def test_no_request_failed_in_the_whole_story(story: demo.Story) -> None:
    tally = story.traffic.tally
    print(json.dumps({"asked": tally.asked, "by_version": tally.by_version}))
    assert tally.asked > 100
    assert tally.failed == []


def test_a_model_that_is_deleted_leaves_no_pod(story: demo.Story, cluster: Cluster) -> None:
    story.traffic.stop()
    story._labeller.stop()
    command = [sys.executable, "-m", "kascade", "delete", demo.MODEL, "--yes", "--url", "k8s://"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr

    def left() -> list[str]:
        selector = f"serving.knative.dev/service={demo.MODEL}"
        return [each["metadata"]["name"] for each in cluster.pods(selector)]

    eventually(lambda: not left(), 120, what="end of the model's pods")
