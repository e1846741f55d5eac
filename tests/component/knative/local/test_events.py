"""Brokers, Triggers, JobSinks, PingSources and SinkBindings, wired as their manifests say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from .conftest import JOBS, SERVICES, Local, job_sink, object_of, records, until

EVENTING = "/apis/eventing.knative.dev/v1/namespaces/default"


def trigger(name: str, subscriber: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return object_of(
        "eventing.knative.dev/v1", "Trigger", name, {"broker": "default", "subscriber": subscriber, **spec}
    )


def to(kind: str, name: str, api: str = "serving.knative.dev/v1", **more: str) -> dict[str, Any]:
    return {"ref": {"apiVersion": api, "kind": kind, "name": name}, **more}


BROKER = to("Broker", "default", "eventing.knative.dev/v1")
OF_WORK = {"matchLabels": {"sinks.knative.dev/job-sink-name": "work"}}
CHANGES = {
    "mode": "Resource",
    "resources": [{"apiVersion": "batch/v1", "kind": "Job", "selector": OF_WORK}],
    "sink": to("Service", "ear", uri="/changes"),
}


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    subject = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "selector": {"matchLabels": {"emits": "yes"}},
    }
    jobs = {"apiVersion": "batch/v1", "kind": "Job", "selector": {"matchLabels": {"emits": "yes"}}}
    tick = {"schedule": "* * * * * *", "data": '{"tick": 1}', "ceOverrides": {"extensions": {"hall": "a"}}}
    dead = {
        "retry": 1,
        "backoffDelay": "PT0.01S",
        "backoffPolicy": "linear",
        "deadLetterSink": to("Service", "morgue", uri="/dead"),
    }
    local.write(
        object_of("eventing.knative.dev/v1", "Broker", "default", {"delivery": dead}),
        local.service("ear", env={"RECORD": str(local.folder / "ear")}),
        local.service("refuser", env={"STATUS": "422"}),
        local.service("morgue", env={"RECORD": str(local.folder / "morgue")}),
        local.service("bound", labels={"emits": "yes"}),
        trigger("to-ear", to("Service", "ear", uri="/in?x=1"), filters=[{"exact": {"type": "test.heard"}}]),
        trigger("to-refuser", to("Service", "refuser"), filters=[{"exact": {"type": "test.refused"}}]),
        trigger("to-nobody", to("Service", "later"), filters=[{"exact": {"type": "test.late"}}]),
        trigger(
            "to-job",
            to("JobSink", "work", "sinks.knative.dev/v1alpha1"),
            filters=[{"exact": {"type": "test.work"}}],
        ),
        job_sink(
            "work",
            f"cd {local.folder}; cat $K_EVENT_PATH >> work; echo $K_SINK $K_EXECUTION_MODE >> sinks",
        ),
        object_of(
            "sources.knative.dev/v1",
            "SinkBinding",
            "all",
            {"subject": subject, "sink": BROKER, "ceOverrides": {"extensions": {"from": "here"}}},
        ),
        object_of("sources.knative.dev/v1", "SinkBinding", "jobs", {"subject": jobs, "sink": BROKER}),
        object_of(
            "sources.knative.dev/v1",
            "PingSource",
            "tick",
            {**tick, "sink": to("Service", "ear", uri="/tick")},
        ),
        object_of("sources.knative.dev/v1", "ApiServerSource", "changes", CHANGES),
    )
    yield local.start()
    assert local.stop() == 0
    assert local.children() == []


def test_an_accepted_event_reaches_the_subscriber_and_its_path(local: Local) -> None:
    assert local.send("/default/default", "e1", "test.heard").status_code == 202
    heard = until(
        lambda: [r for r in records(local.folder / "ear") if r["headers"].get("ce-type") == "test.heard"]
    )
    assert heard[0]["headers"]["ce-id"] == "e1"
    assert heard[0]["path"] == "/in?x=1"
    assert json.loads(heard[0]["body"]) == {"n": 1}


def test_a_refused_event_goes_to_the_dead_letter_sink_and_its_path(local: Local) -> None:
    assert local.send("/default/default", "e2", "test.refused").status_code == 202
    dead = until(lambda: records(local.folder / "morgue"))
    assert dead[0]["path"] == "/dead"
    assert dead[0]["headers"]["ce-knativeerrorcode"] == "422"
    status = local.object(f"{EVENTING}/triggers/to-refuser")["status"]
    assert status["deadLetterSinkUri"].endswith("/morgue/dead")


def test_a_trigger_waits_for_its_subscriber_to_exist(local: Local) -> None:
    status, reason, message = local.ready(f"{EVENTING}/triggers/to-nobody")
    assert (status, reason) == ("False", "NotFound")
    assert '"later" not found' in message

    later = local.service("later", env={"RECORD": str(local.folder / "later")})
    assert local.api("POST", SERVICES, json=later).status_code == 201
    until(lambda: local.ready(f"{EVENTING}/triggers/to-nobody")[0] == "True")
    local.send("/default/default", "e3", "test.late")
    assert until(lambda: records(local.folder / "later"))[0]["headers"]["ce-id"] == "e3"


def test_broker_and_trigger_tell_their_addresses(local: Local) -> None:
    broker = local.object(f"{EVENTING}/brokers/default")
    assert broker["status"]["address"]["url"] == f"{local.endpoints['broker']}/default/default"
    assert broker["status"]["observedGeneration"] == broker["metadata"]["generation"]
    assert local.object(f"{EVENTING}/triggers/to-ear")["status"]["subscriberUri"].endswith(
        "/default/ear/in?x=1"
    )


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (
            "triggers/to-ear",
            {"spec": {"broker": "other"}},
            'Immutable fields changed (-old +new): spec, broker\n{string}:\n\t-: "default"\n\t+: "other"\n',
        ),
        (
            "brokers/default",
            {"spec": {"config": {"name": "other"}}},
            "Immutable fields changed (-old +new): spec\n{v1.BrokerSpec}.Config.Name:\n"
            '\t-: "config-br-default-channel"\n\t+: "other"\n',
        ),
        (
            "brokers/default",
            {"metadata": {"annotations": {"eventing.knative.dev/broker.class": "Kafka"}}},
            "Immutable annotations changed (-old +new): annotations\n{string}:\n"
            '\t-: "MTChannelBasedBroker"\n\t+: "Kafka"\n',
        ),
    ],
)
def test_what_may_not_change_is_refused(local: Local, path: str, change: dict[str, Any], said: str) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = local.api("PATCH", f"{EVENTING}/{path}", json=change, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
    webhook = 'admission webhook "validation.webhook.eventing.knative.dev" denied the request'
    assert answer.json()["message"] == f"{webhook}: validation failed: {said}"


def test_a_filter_that_the_broker_cannot_honour_is_refused_at_its_place(local: Local) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    change = {"spec": {"filters": [{"exact": {"type": "a"}, "prefix": {"type": "a"}}]}}
    answer = local.api("PATCH", f"{EVENTING}/triggers/to-ear", json=change, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["details"]["causes"][0]["field"].startswith("spec.filters")


def test_a_sink_binding_tells_services_and_jobs_where_to_send(local: Local) -> None:
    env = local.get("bound").json()["env"]
    assert env["K_SINK"] == f"{local.endpoints['broker']}/default/default"
    assert json.loads(env["K_CE_OVERRIDES"]) == {"extensions": {"from": "here"}}
    assert "K_SINK" not in local.get("ear").json()["env"]


def test_a_changed_binding_reaches_running_processes(local: Local) -> None:
    before = local.get("bound").json()["pid"]
    change = {"spec": {"ceOverrides": {"extensions": {"from": "there"}}}}
    path = "/apis/sources.knative.dev/v1/namespaces/default/sinkbindings/all"
    local.api("PATCH", path, json=change, headers={"Content-Type": "application/merge-patch+json"})
    told = until(lambda: (t := local.get("bound").json())["pid"] != before and t)
    assert "there" in told["env"]["K_CE_OVERRIDES"]


def test_a_ping_source_ticks(local: Local) -> None:
    ticks = until(
        lambda: (r := [r for r in records(local.folder / "ear") if r["path"] == "/tick"]) and len(r) > 1 and r
    )
    first, second = ticks[0]["headers"], ticks[1]["headers"]
    assert first["ce-type"] == "dev.knative.sources.ping"
    assert first["ce-source"] == "/apis/v1/namespaces/default/pingsources/tick"
    assert first["ce-hall"] == "a"
    assert json.loads(ticks[0]["body"]) == {"tick": 1}
    assert first["ce-id"] != second["ce-id"]


def test_an_event_becomes_one_job_however_often_it_is_delivered(local: Local) -> None:
    for _ in range(3):
        assert local.send("/-/jobsinks/default/work", "twice", "test.work").status_code == 202
    assert local.send("/default/default", "once", "test.work").status_code == 202
    written = local.folder / "work"
    until(lambda: written.exists() and written.read_text().count("specversion") == 2)
    jobs = until(
        lambda: (j := local.object(JOBS)["items"]) and all(x["status"].get("succeeded") for x in j) and j
    )
    assert {job["metadata"]["annotations"]["kascade.dev/event-id"] for job in jobs} == {"twice", "once"}
    assert written.read_text().count("specversion") == 2
    broker = f"{local.endpoints['broker']}/default/default"
    assert set((local.folder / "sinks").read_text().splitlines()) == {f"{broker} batch"}


@pytest.mark.case("T2", "the end of a job is an event")
def test_what_becomes_of_a_job_is_told_by_its_source(local: Local) -> None:
    assert local.send("/-/jobsinks/default/work", "watched", "test.work").status_code == 202

    def told() -> list[dict[str, Any]]:
        heard = [each for each in records(local.folder / "ear") if each["path"] == "/changes"]
        jobs = [(each["headers"]["ce-type"], json.loads(each["body"])) for each in heard]
        return [
            {"change": change.rpartition(".")[2], **job}
            for change, job in jobs
            if job["metadata"]["annotations"]["kascade.dev/event-id"] == "watched"
        ]

    ended = until(lambda: [each for each in told() if each.get("status", {}).get("succeeded")])
    assert told()[0]["change"] == "add"
    assert (ended[0]["change"], ended[0]["kind"]) == ("update", "Job")
    assert ended[0]["status"]["conditions"][0]["type"] == "Complete"
    source = local.object("/apis/sources.knative.dev/v1/namespaces/default/apiserversources/changes")
    assert source["status"]["sinkUri"].endswith("/ear/changes")


def test_what_is_no_event_makes_no_job(local: Local) -> None:
    answer = requests.post(f"{local.endpoints['gateway']}/-/jobsinks/default/work", data="{}", timeout=10)
    assert answer.status_code == 400
    answer = requests.post(f"{local.endpoints['gateway']}/-/jobsinks/default/none", data="{}", timeout=10)
    assert answer.status_code == 404
