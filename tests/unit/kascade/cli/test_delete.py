"""`kascade delete`: the model is retired, and what was dropped for it is removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from eventing import catalogue as c
from eventing.event import answer
from eventing.store import MemoryStore, S3Store
from kascade.cli import build
from kascade.client import Client

if TYPE_CHECKING:
    from conftest import Desk

FILES = ["s3://raw/churn/model.yaml", "s3://raw/churn/train.csv", "s3://feedback/churn/labels.csv"]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    found = MemoryStore("raw")
    found.ensure_bucket("feedback")
    found.ensure_bucket("batch")
    for uri in (*FILES, "s3://raw/churn-eu/model.yaml"):
        found.put(uri, b"x")
    monkeypatch.setattr(S3Store, "from_env", lambda env: found)
    return found


def left(store: MemoryStore) -> list[str]:
    return [each.uri for bucket in ("raw", "feedback") for each in store.list(f"s3://{bucket}/")]


@pytest.fixture
def served(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    told: dict[str, Any] = {"model": "churn", "versions": [{"version": 1}], "retired": None}
    monkeypatch.setattr(Client, "describe", lambda client, model: [told])
    done = {"model": "churn", "version": 1, "outcome": "retired", "message": "retired"}
    desk.answer = lambda event: [answer(event, c.RolloutCompleted.type, "/test", "churn/v1", done)]
    return told


def test_a_served_model_is_retired_before_its_files_go(
    desk: Desk, store: MemoryStore, served: dict[str, Any]
) -> None:
    done = desk.type("delete", "churn", "--yes", "--comment", "no longer sold")
    assert done.exit_code == 0, done.output
    (event,) = desk.sent
    assert (event.data["action"], event.data["comment"]) == ("retire", "no longer sold")
    assert left(store) == ["s3://raw/churn-eu/model.yaml"]
    assert "churn is retired; v1 served last" in done.stdout


def test_a_retirement_that_is_refused_removes_nothing(
    desk: Desk, store: MemoryStore, served: dict[str, Any]
) -> None:
    desk.answer = lambda event: ()
    done = desk.type("delete", "churn", "--yes", "--timeout", "1", "--json")
    assert (done.exit_code, json.loads(done.stdout)["removed"]) == (1, [])
    assert set(FILES) < set(left(store))


def test_a_model_that_is_out_of_service_loses_its_files(
    desk: Desk, store: MemoryStore, served: dict[str, Any]
) -> None:
    served["retired"] = {"at": "2026-11-29T10:00:00+00:00"}
    told = json.loads(desk.type("delete", "churn", "--yes", "--json").stdout)
    assert told == {"ok": True, "message": "churn is not in service", "removed": FILES}
    assert desk.sent == []


@pytest.mark.usefixtures("served")
def test_nothing_happens_before_a_person_has_agreed(desk: Desk, store: MemoryStore) -> None:
    words = ["delete", "churn", "--home", str(desk.home.path)]
    done = CliRunner().invoke(build(), words, input="n\n")
    assert (done.exit_code, "remove 3 files?" in done.output) == (1, True)
    assert (desk.sent, set(FILES) < set(left(store))) == ([], True)


@pytest.mark.usefixtures("store")
def test_a_model_that_is_not_there_is_told(desk: Desk) -> None:
    assert "there is no model nobody" in str(desk.type("delete", "nobody", "--yes").exception)
