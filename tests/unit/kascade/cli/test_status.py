"""`kascade status`: what is ready, what is not and why, where models answer, what nobody took."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.api_server import ready
from typer.testing import CliRunner
from werkzeug.wrappers import Response

from kascade.cli import build
from kascade.client import Client

if TYPE_CHECKING:
    from conftest import Desk


def service(name: str, conditions: list[dict[str, Any]], **labels: str) -> dict[str, Any]:
    url = f"http://{name}.kascade.localhost:8080"
    return {"metadata": {"name": name, "labels": labels}, "status": {"url": url, "conditions": conditions}}


@pytest.fixture
def churn(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"model": "churn", "champion": 2, "retired": None, "rollout": {"version": 3}, "versions": []}
    monkeypatch.setattr(Client, "describe", lambda client: [told])


@pytest.mark.usefixtures("churn")
def test_all_is_well(desk: Desk) -> None:
    labels = {"kascade.dev/model": "churn"}
    desk.services = [service("ingest-data", ready()), service("churn", ready(), **labels)]
    done = desk.type("status")
    assert done.exit_code == 0
    for words in (
        str(desk.home.path),
        "1 of 1 are ready",
        "churn: v2 serves, v3 is rolled out",
        "http://churn.kascade.localhost:8080",
        "http://127.0.0.1:8080/-/services/kascade/churn",
        "none",
    ):
        assert words in done.stdout


def test_what_is_not_ready_is_named_with_the_reason_and_the_exit_code(desk: Desk) -> None:
    because = ready("False", reason="RevisionFailed", message="no such [image]")
    desk.services = [service("ingest-data", because)]
    done = desk.type("status")
    assert (done.exit_code, "0 of 1 are ready" in done.stdout) == (1, True)
    assert "ingest-data is not ready: RevisionFailed: no such [image]" in done.stdout
    told = json.loads(desk.type("status", "--json").stdout)
    assert told["functions"] == [
        {"name": "ingest-data", "ready": False, "message": "RevisionFailed: no such [image]"}
    ]
    assert (told["models"], told["dead_letters"]) == ([], 0)


def test_a_ledger_that_does_not_answer_does_not_hide_the_functions(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.services = [service("record-events", ready("False", reason="Crashed"))]
    monkeypatch.setattr(desk, "function", lambda name, path: Response("not ready", 503))
    done = desk.type("status")
    assert (done.exit_code, "record-events is not ready: Crashed" in done.stdout) == (1, True)
    assert "record-events answered 503: not ready" in done.stdout


def test_a_trigger_that_no_event_can_pass_is_told(desk: Desk) -> None:
    why = "type cannot be 'a' and 'b' at once"
    desk.triggers = [
        {"namespace": "kascade", "trigger": "never", "never_matches": why},
        {"namespace": "kascade", "trigger": "fine", "never_matches": None},
    ]

    assert f"no event can pass the filter of kascade/never: {why}" in desk.type("status").stdout
    assert json.loads(desk.type("status", "--json").stdout)["never"] == {"kascade/never": why}


@pytest.mark.case("T1", "kascade status")
def test_a_log_that_was_damaged_is_told_until_the_damaged_file_is_deleted(desk: Desk) -> None:
    report = desk.home.path / "broker.db.damaged-20261130T000000Z.json"
    told = {"at": "2026-11-30T00:00:00+00:00", "why": "a page", "kept": str(report)[:-5], "again": {}}
    report.write_text(json.dumps({**told, "lost": {"kascade/one": 2, "kascade/two": 1}}))

    said = desk.type("status").stdout

    assert "was damaged at 2026-11-30T00:00:00+00:00, 3 deliveries are lost" in said
    assert json.loads(desk.type("status", "--json").stdout)["damaged"][0]["lost"]["kascade/one"] == 2
    report.unlink()
    assert "was damaged" not in desk.type("status").stdout


def test_a_gateway_alone_does_not_tell_of_functions(desk: Desk) -> None:
    done = desk.type("status", "--url", desk.home.endpoints().gateway)
    assert done.exit_code == 0
    assert "name the system's state folder" in done.stdout


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(build(), ["--version"])
    assert (done.exit_code, done.stdout.split()[0]) == (0, "kascade")
