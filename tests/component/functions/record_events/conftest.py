"""record_events over a database, with a sink that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import MemorySink, handle
from functions.record_events.app import create_app
from functions.record_events.settings import Settings
from functions.state.database import session_factory

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Recorder:
    app: Flask
    sink: MemorySink
    sessions: sessionmaker[Session]
    now: list[datetime] = field(default_factory=lambda: [NOON])

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def record(self, *events: Event) -> None:
        for event in events:
            assert handle(self.app, event) is None

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def dead(self, event: Event, reason: str = "", **error: str) -> int:
        headers, body = to_binary(event)
        headers |= {f"ce-knativeerror{name}": value for name, value in error.items()}
        return self.client.post("/dead-letters", data=body, headers=headers).status_code


@pytest.fixture
def recorder(database: str, engine: Engine) -> Recorder:
    sink, now = MemorySink(), [NOON]
    app = create_app(Settings(database), sink=sink, clock=lambda: now[0])
    return Recorder(app, sink, session_factory(engine), now)
