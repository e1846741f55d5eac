"""The Python client: tables go in and come out, and each call is what any other client could do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import kascade
from eventing import catalogue as c
from eventing.event import answer, originate
from eventing.store import MemoryStore, S3Store
from kascade.reach.port import CallError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Desk


@pytest.fixture
def client(desk: Desk) -> Iterator[kascade.Client]:
    with kascade.connect(desk.home.path) as found:
        yield found


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    found = MemoryStore("raw")
    found.ensure_bucket("feedback")
    monkeypatch.setattr(S3Store, "from_env", lambda env: found)
    return found


FRAME = pd.DataFrame({"amount": [12.5, None], "zip": ["007", "8"]}, index=["ann", "bob"])


def test_a_model_is_asked_with_a_table_and_its_answers_keep_the_index(
    client: kascade.Client, desk: Desk
) -> None:
    desk.models["churn"] = 3
    answers = client.predict("churn", FRAME)
    assert list(answers.columns) == ["prediction", "prediction_id", "model_version", "probabilities"]
    assert list(answers.index) == ["ann", "bob"]
    assert desk.asked == [{"amount": 12.5, "zip": "007"}, {"amount": None, "zip": "8"}]
    assert FRAME.join(answers).loc["bob", "model_version"] == 3


def test_a_long_table_is_asked_in_parts(client: kascade.Client, desk: Desk) -> None:
    desk.models["churn"] = 1
    answers = client.predict("churn", [{"x": number} for number in range(2500)])
    assert [row["x"] for row in desk.asked] == list(range(2500))
    assert answers["prediction_id"].is_unique
    assert client.predict("churn", []).empty


def test_of_a_model_without_a_service_it_is_said_that_no_version_serves(client: kascade.Client) -> None:
    with pytest.raises(CallError, match="no version of churn serves; `kascade models` says"):
        client.predict("churn", FRAME)


def test_a_model_that_kserve_serves_is_asked_at_the_service_that_kserve_made(
    client: kascade.Client, desk: Desk
) -> None:
    desk.services.append({"metadata": {"name": "churn-predictor"}})
    desk.models["churn-predictor"] = 2
    assert list(client.predict("churn", FRAME)["model_version"]) == [2, 2]


def test_what_a_model_that_serves_refuses_is_passed_on(client: kascade.Client, desk: Desk) -> None:
    desk.services.append({"metadata": {"name": "churn"}})
    with pytest.raises(CallError, match="churn answered 404"):
        client.predict("churn", FRAME)


def test_a_table_is_dropped_as_one_object_however_often(client: kascade.Client, store: MemoryStore) -> None:
    uri = client.drop(FRAME, "churn")
    assert client.drop(FRAME, "churn") == uri
    lines = [json.loads(line) for line in store.get(uri).splitlines()]
    assert lines == [{"amount": 12.5, "zip": "007"}, {"amount": None, "zip": "8"}]
    assert (uri.startswith("s3://raw/churn/"), uri.endswith(".jsonl")) == (True, True)


def test_a_file_and_content_are_dropped_as_they_are(
    client: kascade.Client, store: MemoryStore, tmp_path: Path
) -> None:
    (file := tmp_path / "train.csv").write_text("x\n1\n")
    assert client.drop(file, "churn") == "s3://raw/churn/train.csv"
    assert client.drop(b"target: x", "churn", name="model.yaml") == "s3://raw/churn/model.yaml"
    assert store.get("s3://raw/churn/train.csv") == file.read_bytes()
    with pytest.raises(ValueError, match="needs the name"):
        client.drop(b"target: x", "churn")


def test_labels_are_an_event_or_a_file(client: kascade.Client, desk: Desk, store: MemoryStore) -> None:
    id_ = client.label("churn", "019a", True)
    assert [(event.id, event.type, event.data) for event in desk.sent] == [
        (id_, c.FeedbackReceived.type, {"model": "churn", "prediction_id": "019a", "label": True})
    ]
    told = pd.DataFrame({"prediction_id": ["019b"], "prediction": ["yes"], "label": ["no"]})
    uri = client.label("churn", told)
    assert uri.startswith("s3://feedback/churn/")
    assert json.loads(store.get(uri)) == {"prediction_id": "019b", "label": "no"}
    with pytest.raises(ValueError, match="model"):
        client.label("No Such", "019a", True)
    with pytest.raises(ValueError, match="columns label and prediction_id"):
        client.label("churn", told.drop(columns="label"))


def test_an_event_is_sent_by_its_short_type(client: kascade.Client, desk: Desk) -> None:
    id_ = client.send("training.requested", {"model": "churn"})
    (event,) = desk.sent
    assert (event.id, event.type, event.subject, event.source) == (
        id_,
        c.TrainingRequested.type,
        "churn",
        "/kascade/client",
    )


def recorded(desk: Desk) -> str:
    asked = originate(c.TrainingRequested.type, "/me", "churn", c.TrainingRequested(model="churn"))
    approved: dict[str, Any] = {
        "model": "churn",
        "version": 1,
        "run_id": "churn-v1-1",
        "reason": "manual",
        "rule": "manual",
    }
    approved["spec"] = {"uri": "s3://models/churn/model.yaml"}
    desk.record(asked, answer(asked, c.TrainingApproved.type, "/gov", "churn/v1", approved))
    return asked.id


def test_what_happened_comes_out_as_a_table(client: kascade.Client, desk: Desk) -> None:
    first = recorded(desk)
    events = client.events()
    assert list(events["type"]) == [c.TrainingRequested.type, c.TrainingApproved.type]
    assert isinstance(events["time"].dtype, pd.DatetimeTZDtype)
    assert events["cause"][1] == first
    assert "because of manual" in events["summary"][1]
    assert len(client.events(type="training.approved")) == 1
    assert len(client.events(after=int(events["seq"].max()))) == 0


def test_why_comes_out_as_a_table(client: kascade.Client, desk: Desk) -> None:
    found = client.explain(recorded(desk))
    assert list(found["depth"]) == [0, 1]
    assert "run churn-v1-1" in str(found["evidence"][1])


def test_models_come_out_as_a_table(
    client: kascade.Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    version: dict[str, Any] = {
        "version": 2,
        "state": "champion",
        "metrics": {"accuracy": 0.9},
        "train_rows": 100,
        "registered_at": "2026-01-02T03:04:05+00:00",
    }
    monkeypatch.setattr(client, "describe", lambda: [{"model": "churn", "versions": [version]}])
    (row,) = client.models().to_dict("records")
    assert (row["model"], row["version"], row["state"], row["accuracy"]) == ("churn", 2, "champion", 0.9)


def test_nothing_is_asked_before_the_first_call_and_then_a_missing_system_is_named(tmp_path: Path) -> None:
    with (
        kascade.connect(tmp_path / "nowhere") as client,
        pytest.raises(kascade.HomeError, match="kascade up"),
    ):
        client.describe()


def test_all_errors_have_one_base() -> None:
    assert issubclass(kascade.CallError, kascade.KascadeError)
    assert issubclass(kascade.HomeError, kascade.KascadeError)
