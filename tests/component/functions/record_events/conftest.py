"""record_events over a SQLite file, with a sink that remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker

from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import MemorySink, handle
from functions.record_events.app import Deps, create_app
from functions.record_events.settings import Settings
from functions.state.database import make_engine, session_factory
from functions.state.tables import create_tables

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
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    engine = make_engine(url)
    create_tables(engine)
    sink, now = MemorySink(), [NOON]
    app = create_app(Settings(url), Deps(sink, lambda: now[0]))
    yield Recorder(app, sink, session_factory(engine), now)
    engine.dispose()
