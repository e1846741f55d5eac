"""What `kubectl apply -k` comes to."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from cluster.reach import KINDS, Cluster, condition, eventually, of_a_model


@pytest.fixture(scope="module")
def ready(cluster: Cluster) -> float:
    """Wait until all is Ready. Return how many seconds after the apply that was."""
    applied = float((cluster.work / "etc" / "applied-at").read_text())
    limit = max(300.0, applied + 600 - time.time())
    eventually(lambda: not cluster.unready(), limit, what=f"readiness of {cluster.unready()}")
    last = max(
        datetime.fromisoformat(condition(each)["lastTransitionTime"]).timestamp()
        for each in cluster.objects(KINDS)
        if not of_a_model(each)
    )
    print(f"all was ready {last - applied:.0f} s after the apply")
    return last - applied


def test_all_becomes_ready(cluster: Cluster, ready: float) -> None:
    assert cluster.unready() == {}


def test_no_container_had_to_be_started_twice(cluster: Cluster, ready: float) -> None:
    restarts = {
        f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
        for pod in cluster.pods()
        if not of_a_model(pod)  # some models are made to fail
        for status in pod.get("status", {}).get("containerStatuses", [])
        if status["restartCount"]
    }
    assert not restarts


def test_each_function_has_one_revision(cluster: Cluster, ready: float) -> None:
    revisions = [
        each["metadata"]["labels"]["serving.knative.dev/service"]
        for each in cluster.objects("revisions.serving.knative.dev")
    ]
    ours = {
        each["metadata"]["name"]
        for each in cluster.objects("services.serving.knative.dev")
        if not of_a_model(each)
    }
    assert len(ours) >= 11
    assert {name: revisions.count(name) for name in ours} == dict.fromkeys(ours, 1)


def test_the_database_is_at_this_release(cluster: Cluster, ready: float) -> None:
    jobs = [each for each in cluster.objects("jobs.batch") if each["metadata"]["name"].startswith("upgrade-")]
    assert [condition(job, "Complete").get("status") for job in jobs] == ["True"]
