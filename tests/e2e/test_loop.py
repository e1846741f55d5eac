"""A file dropped into a bucket becomes a model that answers, on each store, whatever is killed on the way."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from support.live_system import LiveSystem, customers, eventually, spec

from eventing import catalogue as c
from eventing.event import originate

pytestmark = [pytest.mark.timeout(700), pytest.mark.slow]


def put_and_name(system: LiveSystem, key: str, data: bytes) -> str:
    """Drop a file and return the id of the event that says so."""
    system.put(f"s3://raw/{key}", data)
    event = eventually(
        lambda: next((each for each in system.events(subject=key) if "ObjectCreated" in each["type"]), None),
        30,
        what=f"event about {key}",
    )
    return str(event["id"])


def ask(system: LiveSystem, model: str, path: str, body: object) -> requests.Response:
    url = system.home.endpoints().gateway + path
    return requests.post(url, json=body, headers={"Host": f"{model}.kascade.localhost"}, timeout=60)


def test_data_dropped_before_its_spec_waits_and_then_becomes_a_model_that_answers(
    announcing: LiveSystem, tmp_path: Path
) -> None:
    system = announcing
    data = tmp_path / "customers.csv"
    data.write_bytes(customers(400))
    system.run("aws", "s3", "cp", str(data), "s3://raw/churn/früh/customers.csv")
    waiting = eventually(lambda: system.events(subject="churn/früh/customers.csv"), 30, what="object event")
    eventually(lambda: system.handled("ingest_data", waiting[0]["id"]), 60, what="handled file")
    assert system.events(type=c.DatasetIngested.type, subject="churn") == []

    model_yaml = tmp_path / "model.yaml"
    model_yaml.write_bytes(spec("churn"))
    system.run("kascade", "drop", str(model_yaml), "--model", "churn")
    completed = system.wait_for(c.RolloutCompleted.type, subject="churn")
    assert completed["data"]["outcome"] == "promoted"

    instance = {"amount": 10.0, "visits": 1, "country": "PL", "seen_on": "2025-03-04"}
    answer = ask(system, "churn", "/v1/models/churn:predict", {"instances": [instance]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0] in ("yes", "no")
    assert len(answer.json()["prediction_ids"]) == 1

    assert "champion" in system.run("kascade", "models")
    story = system.run("kascade", "explain", "churn/v1")
    for step in ("dataset.ingested", "training.approved", "training.completed", "model.approved"):
        assert step in story


def test_a_browser_at_the_gateway_gets_the_console_which_asks_the_model(announcing: LiveSystem) -> None:
    gateway = announcing.home.endpoints().gateway
    page = requests.get(gateway, headers={"Accept": "text/html"}, timeout=60)
    assert page.url == f"{gateway}/-/services/kascade/console/"
    assert 'href="./models/churn"' in page.text
    assert "console</b> ready" in page.text

    form = {"feature:amount": "10", "feature:visits": "1", "feature:country": "PL"}
    tried = requests.post(f"{page.url}models/churn/try", data=form, timeout=60)
    assert "v1 answers" in tried.text
    sent = requests.post(
        f"{page.url}models/churn/steer",
        data={"action": "pause", "by": "a test"},
        headers={"Origin": gateway, "Sec-Fetch-Site": "same-origin"},
        timeout=60,
        allow_redirects=False,
    )
    assert sent.status_code == 303, sent.text
    requested = announcing.wait_for(c.RolloutRequested.type, subject="churn")
    assert requested["source"] == "/kascade/console"

    assert "kascade/churn" in requests.get(gateway, timeout=60).json()["services"]


def test_the_same_content_under_another_name_changes_nothing(announcing: LiveSystem) -> None:
    system = announcing
    event_id = put_and_name(system, "churn/again.csv", customers(400))
    eventually(lambda: system.handled("ingest_data", event_id), 60, what="handled file")
    assert len(system.events(type=c.DatasetIngested.type, subject="churn")) == 1
    assert len(system.events(type=c.TrainingApproved.type, subject="churn")) == 1


def test_fifty_files_at_once_are_one_dataset_and_one_training(system: LiveSystem) -> None:
    system.put("s3://raw/crowd/model.yaml", spec("crowd", debounce="3s", cooldown="1h", min_rows="1000"))
    for number in range(50):
        system.put(f"s3://raw/crowd/part-{number}.csv", customers(20, seed=number))
    system.wait_for(c.RolloutCompleted.type, subject="crowd")
    ingested = system.events(type=c.DatasetIngested.type, subject="crowd")
    assert len(ingested) == 50
    assert max(each["data"]["total_rows"] for each in ingested) == 1000
    assert len(system.events(type=c.TrainingApproved.type, subject="crowd")) == 1


def test_each_bad_input_is_refused_with_the_place_and_disturbs_nothing(system: LiveSystem) -> None:
    system.put("s3://raw/bad/model.yaml", b"target: churned\nretrian: {cooldown: 1h}\n")
    refused = system.wait_for(c.SpecRejected.type, subject="bad")
    assert "retrain" in json.dumps(refused["data"]["problems"])
    system.put("s3://raw/bad/model.yaml", spec("bad"))
    system.wait_for(c.SpecRegistered.type, subject="bad")
    for name, content in {
        "empty.csv": b"",
        "header-only.csv": b"amount,churned\n",
        "picture.csv": bytes(range(256)) * 20,
        "no-target.csv": b"amount,visits\n1,2\n3,4\n",
    }.items():
        system.put(f"s3://raw/bad/{name}", content)
        rejected = eventually(
            lambda name=name: [
                each["data"]
                for each in system.events(type=c.DatasetRejected.type)
                if each["data"]["key"] == f"bad/{name}"
            ],
            60,
            what=f"rejection of {name}",
        )
        assert rejected[0]["problems"]
    assert system.events(type=c.DatasetIngested.type, subject="bad") == []


def dead_letter(system: LiveSystem, event_id: str) -> dict[str, Any]:
    """Wait for what the dead letter sink is told of an event."""

    def look() -> list[dict[str, Any]]:
        told = [each["data"] for each in system.events(type=c.DeliveryFailed.type)]
        return [each for each in told if each["event_id"] == event_id]

    return eventually(look, 60, what="dead letter")[0]


def test_an_event_that_nobody_can_handle_lies_in_the_dead_letters_with_its_reason(system: LiveSystem) -> None:
    event = originate(
        c.TrainingRequested.type, "/tests", "churn", {"model": "churn", "reqested_by": "a typo"}
    )
    system.client.emit(event)
    failed = dead_letter(system, event.id)
    assert failed["code"] == 400
    assert "reqested_by" in failed["error"]


BROKEN = """\
from eventing.app import create_app
from eventing.serving import serve

asked = 0


def handler(event, payload):
    global asked
    asked += 1
    raise ZeroDivisionError(f"asked {asked} times")


def create():
    return create_app(handler, name="broken", accepts={"com.example.hello": None})


if __name__ == "__main__":
    serve("broken:create")
"""


def test_an_event_that_meets_a_bug_is_tried_again_and_then_lies_in_the_dead_letters(
    system: LiveSystem, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    command = [sys.executable, "broken.py"]
    container = {"image": "broken", "command": command, "workingDir": str(tmp_path)}
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "broken"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    trigger = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "broken"},
        "spec": {
            "broker": "default",
            "filters": [{"exact": {"type": "com.example.hello"}}],
            "delivery": {"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.1S"},
            "subscriber": {
                "ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "broken"}
            },
        },
    }
    endpoints = system.home.endpoints()
    kubernetes, headers = f"{endpoints.api}/apis", endpoints.api_headers
    for group, kind, body in (
        ("serving.knative.dev/v1", "services", service),
        ("eventing.knative.dev/v1", "triggers", trigger),
    ):
        url = f"{kubernetes}/{group}/namespaces/kascade/{kind}"
        answer = requests.post(url, json=body, timeout=10, headers=headers)
        assert answer.status_code == 201, answer.text

    def ready() -> bool:
        found = requests.get(f"{url}/broken", timeout=10, headers=headers).json()
        told = found.get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in told)

    eventually(ready, 30, what="ready Trigger")
    event = originate("com.example.hello", "/tests", "world", {})
    system.client.emit(event)
    failed = dead_letter(system, event.id)
    assert failed["code"] == 500
    assert "asked 3 times" in failed["error"]


@pytest.mark.parametrize("victim", ["knative.local", "functions.run_training"])
def test_the_loop_finishes_once_although_a_part_is_killed_while_it_trains(
    system: LiveSystem, victim: str
) -> None:
    model = "killed-" + victim.split(".")[1].replace("_", "-")
    system.put(f"s3://raw/{model}/model.yaml", spec(model))
    system.put(f"s3://raw/{model}/customers.csv", customers(300))
    system.wait_for(c.TrainingStarted.type, subject=model)
    eventually(lambda: system.kill(victim), 20, what=f"process of {victim}")
    completed = system.wait_for(c.RolloutCompleted.type, subject=model)
    assert completed["data"]["outcome"] == "promoted"
    for type_ in (
        c.DatasetIngested.type,
        c.TrainingApproved.type,
        c.TrainingCompleted.type,
        c.RolloutCompleted.type,
    ):
        assert len([each for each in system.events(type=type_) if each["subject"].startswith(model)]) == 1


def test_files_dropped_while_their_receiver_is_killed_are_all_found_once(announcing: LiveSystem) -> None:
    system = announcing
    system.put("s3://raw/lossy/model.yaml", spec("lossy", min_rows="100000"))
    system.wait_for(c.SpecRegistered.type, subject="lossy")
    kills = 0
    for number in range(20):
        if number % 5 == 0:
            kills += system.kill("functions.receive_objects")
        system.put(f"s3://raw/lossy/part-{number}.csv", customers(10, seed=number))
    assert kills
    ingested = eventually(
        lambda: (
            (found := system.events(type=c.DatasetIngested.type, subject="lossy"))
            and len(found) == 20
            and found
        ),
        90,
        what="twenty parts",
    )
    assert len({each["data"]["part"]["sha256"] for each in ingested}) == 20


def test_a_function_killed_in_the_middle_of_a_request_is_asked_again(system: LiveSystem) -> None:
    system.put("s3://raw/midway/model.yaml", spec("midway", min_rows="1000000"))
    system.wait_for(c.SpecRegistered.type, subject="midway")
    system.put("s3://raw/midway/large.csv", customers(60_000))
    eventually(lambda: system.events(subject="midway/large.csv"), 30, what="object event")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not system.kill("functions.ingest_data"):
        time.sleep(0.02)
    system.wait_for(c.DatasetIngested.type, subject="midway")
    assert len(system.events(type=c.DatasetIngested.type, subject="midway")) == 1
