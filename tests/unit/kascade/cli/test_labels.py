"""`kascade label` sends labels, waits until they are joined, and says why where they never will be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as c
from eventing.event import Event, answer
from eventing.store import MemoryStore, S3Store

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Desk

ID = "01a228bf-fd2b-72a0-b30a-b9778c6b0000"


def row(model: str = "churn", **label: Any) -> dict[str, Any]:
    return {"rows": [{"model": model, "version": 3, "label": None, "label_id": None, **label}]}


def joined(event: Event, fate: str) -> Event:
    refused = [{"label_id": f"{event.source} {event.id}", "fate": fate, "prediction_id": ID}]
    data = {"model": "churn", "through": "2026-01-02T03:04:05Z", "joined": 0, fate: 1, "refused": refused}
    return answer(event, c.FeedbackJoined.type, "/kascade/join_feedback", "churn", data)


def test_a_label_that_is_joined_names_the_version(desk: Desk) -> None:
    def answers(event: Event) -> list[Event]:
        desk.predictions[ID] = row(label="yes", label_id=f"{event.source} {event.id}")
        return []

    desk.answer = answers
    done = desk.type("label", "churn", ID.upper().replace("-", ""), "yes")
    assert done.exit_code == 0, done.output
    assert "joined to the prediction of v3" in done.stdout
    assert desk.sent[0].data["prediction_id"] == ID


@pytest.mark.case("I", "kascade label with an impossible class, a late one, a second one")
@pytest.mark.parametrize(
    ("fate", "code"),
    [("duplicate", 0), ("contradictory", 1), ("late", 1), ("unknown", 1), ("impossible", 1)],
)
def test_a_label_that_is_not_joined_says_why(desk: Desk, fate: str, code: int) -> None:
    desk.predictions[ID] = row(label="no", label_id="of another")
    desk.answer = lambda event: [joined(event, fate)]
    done = desk.type("label", "churn", ID, "yes", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"], told["message"].startswith(f"{fate}: ")) == (code, code == 0, True)


@pytest.mark.case("I", "kascade label with a wrong id")
@pytest.mark.usefixtures("impatient")
def test_an_id_of_no_prediction_is_a_failure(desk: Desk) -> None:
    done = desk.type("label", "churn", ID, "yes")
    assert (done.exit_code, "no such prediction is in the log" in done.stdout) == (1, True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kascade.cli.label_outcomes._LOG_DELAY_S", 0.0)


@pytest.mark.case("I", "kascade label with the id of another model's prediction")
def test_a_prediction_of_another_model_is_named(desk: Desk) -> None:
    desk.predictions[ID] = row("wine")
    done = desk.type("label", "churn", ID, "yes")
    assert (done.exit_code, f"kascade label wine {ID}" in done.stdout) == (1, True)


@pytest.mark.case("I", "kascade label with an unknown model")
def test_an_unknown_model_is_refused_with_the_reason(desk: Desk) -> None:
    def dead(event: Event) -> list[Event]:
        data = {
            "event_id": event.id,
            "event_type": event.type,
            "event_source": event.source,
            "destination": "http://join-feedback",
            "error": json.dumps({"problems": ["there is no model 'nosuch': drop its model.yaml first"]}),
            "redrive": "POST /1",
        }
        return [answer(event, c.DeliveryFailed.type, "/kascade/record_events", "nosuch", data)]

    desk.answer = dead
    done = desk.type("label", "nosuch", ID, "yes")
    assert (done.exit_code, "refused: there is no model" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "value"),
    [(("7",), 7), (("7", "--text"), "7"), (("yes",), "yes"), (("true",), True), (("[1]",), "[1]")],
)
def test_a_label_is_sent_with_its_prediction(desk: Desk, words: tuple[str, ...], value: object) -> None:
    done = desk.type("label", "churn", "019a", *words, "--no-wait")
    assert done.exit_code == 0, done.output
    (event,) = desk.sent
    assert (event.type, event.subject) == (c.FeedbackReceived.type, "churn")
    assert event.data == {"model": "churn", "prediction_id": "019a", "label": value}


def test_a_file_of_labels_is_dropped_where_labels_are_looked_for(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore("feedback")
    monkeypatch.setattr(S3Store, "from_env", lambda env: store)
    file = tmp_path / "labels.csv"
    file.write_text("prediction_id,label\n019a,yes\n")
    told = desk.type("label", "churn", "--file", str(file), "--no-wait", "--json").stdout
    assert json.loads(told) == {"uri": "s3://feedback/churn/labels.csv"}
    done = desk.type("label", "churn", "--file", str(file), "--no-wait")
    assert done.stdout.strip() == "s3://feedback/churn/labels.csv"
    assert store.get("s3://feedback/churn/labels.csv") == file.read_bytes()
    assert desk.type("label", "churn", "019a", "yes", "--file", str(file)).exit_code == 2
