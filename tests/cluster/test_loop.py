"""Our functions on the real broker: from a dropped file to a model that answers."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
import requests
from cluster.reach import NAMESPACE, Cluster, Json, eventually
from cluster.recorded import Event, Ledger

from eventing.store import S3Store
from kascade.demo.digits import FIRST, TARGET, Digits

MODEL = f"loop-{uuid.uuid4().hex[:6]}"
SPEC = {
    "model": MODEL,
    "target": TARGET,
    "task": "classification",
    "train": {"candidates": [{"estimator": "decision_tree", "grid": {"max_depth": [8]}}]},
    "gate": {"min": 0.1},
    "retrain": {"debounce": "1s", "cooldown": "0s", "min_rows": 100},
}
STEPS = (
    "spec.registered",
    "dataset.ingested",
    "training.approved",
    "training.started",
    "training.completed",
    "model.approved",
    "rollout.started",
    "rollout.completed",
)


@pytest.fixture(scope="module")
def dropped(cluster: Cluster) -> Ledger:
    """Drop a model.yaml and a file; return the ledger of what comes of it, once all has."""
    ledger = Ledger(cluster.database)
    eventually(lambda: not cluster.unready(), 240, what=f"readiness of {cluster.unready()}")
    store = S3Store.from_env(cluster.store_environment())
    store.put(f"s3://raw/{MODEL}/model.yaml", json.dumps(SPEC).encode())
    store.put(f"s3://raw/{MODEL}/first.csv", Digits().file(range(FIRST)))
    ledger.wait_for("rollout.completed", about=MODEL, timeout_s=420)
    return ledger


def step(ledger: Ledger, type_: str) -> Event:
    """Return the one event of a type."""
    [event] = ledger.events(type_, about=MODEL)
    return event


def test_every_step_was_recorded_once_and_in_one_chain(dropped: Ledger) -> None:
    events = [step(dropped, type_) for type_ in STEPS]
    after_ingestion = {event["correlationid"] for event in events[1:]}
    assert len(after_ingestion) == 1
    known = {event["id"] for event in dropped.events()}
    assert {event["causationid"] for event in events[2:]} <= known


def test_the_training_was_a_job_that_the_job_sink_made_once(dropped: Ledger, cluster: Cluster) -> None:
    approved = step(dropped, "training.approved")
    [job] = jobs_of(cluster, approved)
    assert job["status"]["succeeded"] == 1


def test_a_redelivered_approval_makes_no_second_job(dropped: Ledger, cluster: Cluster) -> None:
    approved = step(dropped, "training.approved")
    [job] = jobs_of(cluster, approved)
    before = job_names(cluster)
    headers = {"content-type": "application/cloudevents+json"}
    structured = {key: value for key, value in approved.items() if not key.startswith("knative")}
    # The in-memory channel answers when every subscriber has, the JobSink among them.
    said = requests.post(cluster.broker, json=structured, headers=headers, timeout=120)
    assert said.status_code == 202
    assert job_names(cluster) == before
    assert [each["metadata"]["uid"] for each in jobs_of(cluster, approved)] == [job["metadata"]["uid"]]


def jobs_of(cluster: Cluster, event: Event) -> list[Json]:
    """Return the Jobs that were made of an event, which lies in a Secret of the Job's name."""
    found = []
    for job in cluster.objects("jobs.batch", "-l", "sinks.knative.dev/job-sink-name=run-training"):
        [secret] = cluster.objects("secrets", job["metadata"]["name"])
        if json.loads(base64.b64decode(secret["data"]["event"]))["id"] == event["id"]:
            found.append(job)
    return found


def job_names(cluster: Cluster) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.objects("jobs.batch")}


def test_the_approved_version_is_a_service_that_answers_through_the_gateway(
    dropped: Ledger, cluster: Cluster
) -> None:
    completed = step(dropped, "rollout.completed")
    assert completed["data"]["outcome"] == "promoted"
    [service] = cluster.objects("services.serving.knative.dev", MODEL)
    assert service["metadata"]["labels"]["kascade.dev/model"] == MODEL
    assert service["spec"]["template"]["metadata"]["name"] == f"{MODEL}-v1"
    digits = Digits()
    answer = requests.post(
        f"{cluster.gateway}/v1/models/{MODEL}:predict",
        json={"instances": [digits.question(row, negative=False) for row in range(20)]},
        headers={"Host": f"{MODEL}.{NAMESPACE}.localhost"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    right = [found == digits.truth(row) for row, found in enumerate(answer.json()["predictions"])]
    assert sum(right) > 10


def test_the_predictions_are_logged_over_the_broker(dropped: Ledger, cluster: Cluster) -> None:
    store = S3Store.from_env(cluster.store_environment())
    eventually(
        lambda: any(True for _ in store.list(f"s3://inferences/{MODEL}/")), 120, what="logged prediction"
    )


def test_nothing_went_to_the_dead_letters(dropped: Ledger) -> None:
    assert dropped.dead_letters(about=MODEL) == []


def test_all_is_ready_still_and_brokers_and_sinks_have_addresses(cluster: Cluster) -> None:
    eventually(lambda: not cluster.unready(), 60, what="readiness")
    addresses: list[Json] = cluster.objects("brokers.eventing.knative.dev,jobsinks.sinks.knative.dev")
    assert all(each["status"]["address"]["url"].startswith("http") for each in addresses)
