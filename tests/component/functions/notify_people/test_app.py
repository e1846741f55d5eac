"""People are told by real servers of HTTP and SMTP: once, by every route, and of nothing twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from support.authority import Authority
from support.receiver import Answer, Receiver
from support.world import NOON

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, build_event, handle
from functions.notify_people.app import create_app
from functions.notify_people.settings import Settings
from functions.state.database import make_engine, session_factory, transaction
from functions.state.notifications import KEEP, find, note_told
from kascade.scaffold.examples import example_of

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROUTES = """\
routes:
  - name: team
    slack: {url_env: TEAM_URL}
  - name: pager
    webhook: {url_env: PAGER_URL, secret_env: PAGER_SECRET}
    severity: critical
"""


class People:
    """Two receivers, the application that tells them, and its clock."""

    def __init__(self, database: str, team: Receiver, pager: Receiver, routes: str = ROUTES) -> None:
        self.database, self.team, self.pager = database, team, pager
        self.urls = {"TEAM_URL": f"{team.url}/T0/B0/s3cr3t-key", "PAGER_URL": f"{pager.url}?token=s3cr3t-key"}
        self.now = NOON
        self.app = self.new_app(routes)

    def new_app(self, routes: str = ROUTES) -> Flask:
        """Return the application as a new process has it."""
        variables = {"PAGER_SECRET": KEY, **self.urls, "CONSOLE_URL": "https://kascade.example.com/"}
        settings = Settings.from_env(
            {"DATABASE_URL": self.database, "NOTIFY_ROUTES": routes, "NOTIFY_TIMEOUT_S": "1", **variables}
        )
        return create_app(settings, clock=lambda: self.now)

    def deliver(self, event: Event) -> str:
        """Deliver an event; return what was answered: nothing when it was taken."""
        try:
            assert handle(self.app, event) is None
        except HandlingFailed as failed:
            return f"{failed.status} {json.loads(failed.body)['problems'][0]}"
        return ""

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.team.requests), len(self.pager.requests)


@pytest.fixture
def people(database: str) -> Iterator[People]:
    with Receiver() as team, Receiver() as pager:
        yield People(database, team, pager)


def rolled_back(id_: str = "e1", **fields: Any) -> Event:
    said = {"model": "churn", "version": 3, "outcome": "rolled_back", "message": "it loses more"}
    payload = c.RolloutCompleted.model_validate({**said, **fields})
    return build_event(payload.type, payload, subject="churn/v3", id_=id_, time=NOON)


def failed(id_: str = "f1", **fields: Any) -> Event:
    payload = c.TrainingFailed.model_validate({**example_of(c.TrainingFailed), "model": "churn", **fields})
    return build_event(payload.type, payload, subject="churn/v3", id_=id_)


def dead(event: Event, id_: str = "d1", destination: str = "http://notify-people.kascade") -> Event:
    payload = c.DeliveryFailed(
        event_id=event.id,
        event_type=event.type,
        event_source=event.source,
        event_subject=event.subject,
        destination=destination,
        code=422,
        error="route team: answered 404",
        redrive="POST /dead-letters/1/redrive",
    )
    return build_event(payload.type, payload, subject=event.subject or "", id_=id_)


def test_who_is_to_be_told_is_told_once_however_often_the_event_comes(people: People) -> None:
    assert [people.deliver(rolled_back()) for _ in range(3)] == ["", "", ""]
    people.app = people.new_app()
    assert people.deliver(rolled_back()) == ""

    assert people.counts == (1, 1)
    text = json.loads(people.team.requests[0][1])["text"]
    assert "CRITICAL churn: a version was rolled back\nv3 rolled_back: it loses more\n" in text
    assert "<https://kascade.example.com/models/churn>" in text


def test_a_webhook_is_signed_and_says_what_happened(people: People) -> None:
    people.deliver(rolled_back())

    headers, body = people.pager.requests[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"
    said = json.loads(body)
    assert (said["severity"], said["occasion"], said["model"]) == (
        "critical",
        "rollout.completed/rolled_back",
        "churn",
    )
    assert said["event"]["id"] == "e1"


def test_what_is_not_urgent_enough_reaches_no_pager_and_what_concerns_nobody_nobody(people: People) -> None:
    people.deliver(failed())
    assert people.counts == (1, 0)
    people.deliver(rolled_back("e2", outcome="promoted"))
    assert people.counts == (1, 0)


@pytest.mark.parametrize("status", [0, 408, 425, 429, 500, 503])
def test_a_receiver_that_is_away_is_tried_again_and_the_other_is_told_once(
    people: People, status: int
) -> None:
    people.team.answer(status)
    told = people.deliver(rolled_back())
    assert told.startswith("503 route team: ")
    assert "s3cr3t" not in told
    assert people.counts == (1, 1)

    assert people.deliver(rolled_back()) == ""
    assert people.counts == (2, 1)


def test_a_receiver_says_when_to_come_back(people: People) -> None:
    people.team.answer(429, **{"Retry-After": "30"})
    headers = {"ce-id": "e1", "ce-source": "/x", "ce-type": c.RolloutCompleted.type, "ce-specversion": "1.0"}
    answer = people.app.test_client().post("/", json=dict(rolled_back().data), headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
def test_a_receiver_that_refuses_is_a_dead_letter_with_the_reason_and_no_secret(
    people: People, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"no such hook: {people.urls['TEAM_URL']} (s3cr3t-key)".encode()
    people.team.answers = [Answer(status, {"Location": "http://127.0.0.1:9/"}, echo)] * 2

    told = people.deliver(rolled_back())
    assert told == f"422 route team: answered {status}: no such hook: … (…)"
    assert people.counts == (1, 1)
    assert "s3cr3t" not in caplog.text
    assert people.deliver(rolled_back()) == told
    assert people.counts == (2, 1)
    assert people.deliver(rolled_back()) == "", "redriven, once the hook is mended"
    assert people.counts == (3, 1)


def test_a_receiver_that_is_gone_keeps_nobody_from_being_told(people: People) -> None:
    people.team.server.socket.close()
    told = people.deliver(rolled_back())
    assert told == "503 route team: no connection"
    assert people.counts == (0, 1)


def test_a_receiver_that_hangs_is_waited_for_as_long_as_is_said_and_the_other_is_told(people: People) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        people.urls["TEAM_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/s3cr3t-key"
        people.app = people.new_app()
        assert people.deliver(rolled_back()) == "503 route team: no answer within 1 s"
    assert people.counts == (0, 1)


def test_one_away_and_one_refusing_is_tried_again(people: People) -> None:
    people.team.answer(404)
    people.pager.answer(500)
    told = people.deliver(rolled_back())
    assert told == "503 route team: answered 404: because; route pager: answered 500: because"


def test_the_same_problem_is_told_once_in_an_hour_and_then_with_how_many_were_held(people: People) -> None:
    for number in range(4):
        assert people.deliver(failed(f"f{number}")) == ""
        people.now += timedelta(minutes=10)
    assert people.deliver(failed("f0")) == ""
    assert people.counts == (1, 0)
    assert people.deliver(failed("other", step="train")) == ""
    assert people.counts == (2, 0), "another step is another problem"

    people.now = NOON + timedelta(hours=1)
    assert people.deliver(failed("f9")) == ""
    last = json.loads(people.team.requests[-1][1])["text"]
    assert "3 more of the same since 2026-03-01 12:00 UTC were held back" in last

    people.now += timedelta(hours=1)
    people.deliver(failed("f10"))
    assert "held back" not in json.loads(people.team.requests[-1][1])["text"]


def test_what_was_held_back_is_not_forgotten_while_the_receiver_is_away(people: People) -> None:
    people.deliver(failed("f1"))
    people.deliver(failed("f2"))
    people.now += timedelta(hours=1)
    people.team.answer(503)
    assert people.deliver(failed("f3")).startswith("503")
    assert people.deliver(failed("f3")) == ""
    assert "1 more of the same" in json.loads(people.team.requests[-1][1])["text"]


def test_a_dead_letter_is_told_and_one_of_its_own_by_those_that_work(people: People) -> None:
    lost = build_event(c.DatasetIngested.type, {}, subject="churn", id_="x")
    people.deliver(dead(lost, destination="http://ingest-data.kascade"))
    assert people.counts == (1, 1)

    people.team.answer(404)
    event = rolled_back()
    assert people.deliver(event).startswith("422 route team")
    assert people.counts == (2, 2)
    assert people.deliver(dead(event, "d2")) == ""
    assert people.counts == (2, 3), "the pager says that the team was not told"


def test_a_dead_letter_of_its_own_that_nobody_was_told_of_ends_there(people: People) -> None:
    people.team.answer(404)
    people.pager.answer(404)
    event = rolled_back()
    assert people.deliver(event).startswith("422")
    assert people.deliver(dead(event)) == ""
    assert people.counts == (1, 1)


def test_a_message_that_went_out_before_a_crash_goes_out_once_more_under_its_id(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("functions.notify_people.handler.write_once", lambda *_, **__: 1 / 0)
        assert people.deliver(rolled_back()).startswith("500 ZeroDivisionError")
    assert people.deliver(rolled_back()) == ""
    ids = [headers["webhook-id"] for headers, _ in people.pager.requests]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_what_is_told_is_counted(people: People) -> None:
    people.deliver(failed("f1"))
    people.deliver(failed("f2"))
    text = people.app.test_client().get("/metrics").text
    for outcome in ("told", "held"):
        told = f'kascade_notifications_total{{outcome="{outcome}",route="team",severity="warning"}} 1.0'
        assert told in text


def test_problems_of_long_ago_are_forgotten(database: str) -> None:
    engine = make_engine(database)
    sessions = session_factory(engine)
    with transaction(sessions) as session:
        note_told(session, "team", "old", NOON, 0)
        note_told(session, "team", "new", NOON + KEEP, 0)
        note_told(session, "team", "now", NOON + KEEP + timedelta(seconds=1), 0)
    with transaction(sessions) as session:
        assert find(session, "team", "old") is None
        assert find(session, "team", "new") is not None
    engine.dispose()


def test_a_receiver_with_a_certificate_that_is_trusted_is_told_and_another_is_not(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Authority("ours")
    with Receiver() as team, Receiver() as pager:
        people = People(database, team, pager)
        people.urls["TEAM_URL"] = ours.serve(team.server, tmp_path).replace("/default", "/s3cr3t-key")
        people.app = people.new_app()
        told = people.deliver(rolled_back())
        assert told.startswith("503 route team: its certificate is not trusted: unable to get local issuer")
        assert "s3cr3t" not in told

        (tmp_path / "ca.pem").write_text(ours.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        people.app = people.new_app()
        assert people.deliver(rolled_back()) == ""
        assert people.counts == (1, 1)
