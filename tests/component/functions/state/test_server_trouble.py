"""A PostgreSQL that is killed, away or full costs another delivery, and never an answer that is final."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url, text
from support.lending import closing_connections
from support.postgres import PostgresServer
from support.replicas import Outside

from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.errors import RetryLater
from eventing.testing import build_event
from functions.state import database, ledger, timers
from functions.state.database import make_engine, transaction
from functions.state.migrate import upgrade

pytestmark = pytest.mark.slow

CONNECTIONS = 10


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    # What was committed must outlive a kill here; elsewhere nothing has to.
    running = PostgresServer(max_connections=str(CONNECTIONS), synchronous_commit="on")
    yield running
    running.close()


@pytest.fixture
def outside(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setattr(database, "READY_FOR_S", 0.0)
    monkeypatch.setattr(database, "UNREADY_FOR_S", 0.0)
    with closing_connections():
        url = server.create()
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        made = Outside(url)
        yield made
        made.close()


def post(app: Flask, id_: str) -> tuple[int, str]:
    """Deliver an event once; return the status and the reason."""
    headers, body = to_binary(build_event(c.TrainingRequested.type, {"model": "churn"}, id_=id_))
    answer = app.test_client().post("/", data=body, headers=headers)
    assert answer.status_code != 503 or answer.headers["Retry-After"] == "1"
    return answer.status_code, answer.text


def ready(app: Flask) -> int:
    return app.test_client().get("/readyz").status_code


def recorded(outside: Outside) -> list[str]:
    with outside.world.session() as session:
        return [row.event_id for row in ledger.find_events(session)]


def test_a_server_that_is_killed_costs_503_and_its_return_is_noticed_at_once(
    server: PostgresServer, outside: Outside
) -> None:
    app = outside.replica("record_events")
    assert (post(app, "a")[0], ready(app)) == (204, 200)
    server.kill()
    status, said = post(app, "b")
    assert (status, ready(app)) == (503, 503)
    assert "the database cannot be used now" in said
    assert app.test_client().get("/events").status_code == 503
    assert app.test_client().post("/dead-letters", data=b"?").status_code == 503
    server.start()
    assert (post(app, "b")[0], ready(app)) == (204, 200)
    assert recorded(outside) == ["a", "b"]


def test_a_server_killed_amid_a_transaction_takes_all_of_it_back(
    server: PostgresServer, outside: Outside
) -> None:
    sessions = outside.world.sessions

    def set_and_lose() -> None:
        with transaction(sessions) as session:
            timers.set_timer(session, "f", "a", outside.world.now)
            server.kill()
            session.execute(text("SELECT 1"))

    with pytest.raises(RetryLater, match="cannot be used now"):
        set_and_lose()
    server.start()
    with transaction(sessions) as session:
        assert timers.due(session, outside.world.now, 1) == []


def test_a_function_starts_without_its_server_and_is_ready_when_that_comes(
    server: PostgresServer, outside: Outside
) -> None:
    server.stop()
    app = outside.replica("govern_training")
    assert (ready(app), post(app, "a")[0]) == (503, 503)
    assert app.test_client().get("/healthz").status_code == 200
    server.start()
    assert ready(app) == 200
    assert 200 <= post(app, "a")[0] < 300


def test_a_server_without_a_connection_to_spare_is_asked_again_later(
    server: PostgresServer, outside: Outside
) -> None:
    app = outside.replica("record_events")
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            parsed = make_url(server.url("postgres"))
            connection = psycopg.connect(
                user=parsed.username, dbname=parsed.database, host=str(server.socket), autocommit=True
            )
            held.callback(connection.close)
        status, said = post(app, "a")
        assert (status, ready(app)) == (503, 503)
        assert "too many clients" in said
    assert post(app, "a")[0] == 204
