"""Pods that are killed, storms and starvation: nothing accepted is lost, and no prediction fails."""

from __future__ import annotations

import pytest
from cluster.busy import SHARES, Storm, kill, starved
from cluster.reach import Cluster, eventually
from cluster.recorded import Ledger
from cluster.retraining import MODEL, Retraining

from kascade.demo.traffic import Traffic

FUNCTIONS = (
    "receive-objects",
    "ingest-data",
    "govern-training",
    "ring-timers",
    "evaluate-model",
    "roll-out-model",
    "record-events",
    "log-inferences",
    "join-feedback",
    "watch-performance",
    "release-labels",
    "judge-rollout",
    "detect-drift",
)
OF_THE_BROKER = ("mt-broker-ingress", "mt-broker-filter", "imc-dispatcher")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_step_succeeds_though_the_pods_of_a_function_are_killed(
    cluster: Cluster, ledger: Ledger, retraining: Retraining, traffic: Traffic, function: str
) -> None:
    selector = f"serving.knative.dev/service={function}"
    retraining.ask()
    for pod in cluster.pods(selector):
        kill(cluster, pod)
    version = retraining.approved()
    for pod in cluster.pods(selector):
        kill(cluster, pod)
    ledger.wait_for(
        "rollout.completed",
        about=MODEL,
        timeout_s=600,
        matches=lambda event: event["data"]["version"] == version,
    )
    assert traffic.tally.failed == []


@pytest.mark.parametrize("app", OF_THE_BROKER)
def test_what_the_broker_accepted_is_delivered_though_its_pods_are_killed(
    cluster: Cluster, ledger: Ledger, retraining: Retraining, traffic: Traffic, app: str
) -> None:
    """The in-memory channel answers a producer once all have taken the event: a kill loses none it took."""
    storm = Storm(cluster, "dev.kascade.test.storm", events=400)
    pods = [
        pod for pod in cluster.pods(namespace="knative-eventing") if pod["metadata"]["name"].startswith(app)
    ]
    assert pods
    retraining.ask()
    for pod in pods:
        kill(cluster, pod)
    storm.run(timeout_s=300)
    eventually(lambda: storm.accepted <= ledger.ids(), 300, what="record of each accepted event")
    version = retraining.approved()
    ledger.wait_for(
        "rollout.completed",
        about=MODEL,
        timeout_s=600,
        matches=lambda event: event["data"]["version"] == version,
    )
    assert traffic.tally.failed == []


def test_a_training_whose_pod_is_killed_is_made_again(
    cluster: Cluster, ledger: Ledger, retraining: Retraining, traffic: Traffic
) -> None:
    retraining.ask()
    version = retraining.approved()

    def running() -> list[dict[str, object]]:
        found = cluster.pods("batch.kubernetes.io/job-name")
        return [
            pod
            for pod in found
            if pod["status"].get("phase") == "Running" and "upgrade-state" not in pod["metadata"]["name"]
        ]

    for pod in eventually(running, 120, what="pod of a training"):
        kill(cluster, pod)
    completed = ledger.wait_for("training.completed", about=MODEL, timeout_s=600)
    assert completed["data"]["version"] == version
    assert traffic.tally.failed == []


def test_a_storm_of_events_loses_none(cluster: Cluster, ledger: Ledger, traffic: Traffic) -> None:
    storm = Storm(cluster, "dev.kascade.test.storm", events=3000, senders=8)
    storm.run(timeout_s=900)
    eventually(lambda: storm.accepted <= ledger.ids(), 300, what="record of each accepted event")
    print(f"{len(storm.accepted)} events taken with {storm.tries} tries")
    assert traffic.tally.failed == []


def test_a_starved_node_is_slow_and_loses_nothing(
    cluster: Cluster, ledger: Ledger, retraining: Retraining, traffic: Traffic
) -> None:
    if not SHARES.exists():
        pytest.skip("control groups of version 1 are needed to starve the cluster")
    storm = Storm(cluster, "dev.kascade.test.storm", events=200)
    with starved():
        retraining.ask()
        storm.run(timeout_s=900)
        eventually(lambda: storm.accepted <= ledger.ids(), 600, what="record of each accepted event")
        retraining.approved()
    ledger.wait_for("rollout.completed", about=MODEL, timeout_s=600)
    assert traffic.tally.failed == []
