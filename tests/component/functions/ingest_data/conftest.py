"""The function with everything around it: a store, a database, a sink, and a way to drop files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import S3_CREATED_PREFIX, DatasetUnchanged
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import MemorySink, handle, object_created
from functions.ingest_data.app import create_app
from functions.ingest_data.settings import Settings
from functions.state.database import session_factory

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BUCKETS = ("raw", "datasets", "quarantine", "models")


@dataclass
class Ingesting:
    """One function, running in this process."""

    app: Flask
    store: MemoryStore
    sink: MemorySink
    sessions: sessionmaker[Session]
    rebuild: Callable[..., Flask]
    count: int = field(default=0)
    unchanged: list[Event] = field(default_factory=list)

    def put(self, key: str, raw: bytes | str) -> Event:
        """Drop a file; return the event that tells of it."""
        data = raw.encode() if isinstance(raw, str) else raw
        uri = f"s3://raw/{key}"
        self.store.put(uri, data)
        found = self.store.head(uri)
        self.count += 1
        return object_created(key, etag=found.etag, size=found.size, id_=f"object-{self.count}", time=NOW)

    def tell(self, event: Event) -> list[Event]:
        """Deliver an event; return what it was answered with, by reply or through the sink.

        That it changed nothing is kept in `unchanged`.
        """
        before = len(self.sink.events)
        reply = handle(self.app, event)
        answers = [reply] if reply is not None else self.sink.events[before:]
        self.unchanged += [each for each in answers if each.type == DatasetUnchanged.type]
        return [each for each in answers if each.type != DatasetUnchanged.type]

    def drop(self, key: str, raw: bytes | str) -> list[Event]:
        """Drop a file, deliver its event, and any object events that come of it, as a broker would."""
        pending = self.tell(self.put(key, raw))
        answers = []
        while pending:
            event = pending.pop(0)
            if event.type.startswith(S3_CREATED_PREFIX):
                pending += self.tell(event)
            else:
                answers.append(event)
        return answers

    def drop_one(self, key: str, raw: bytes | str) -> Event:
        """Drop a file that is answered with exactly one event."""
        (answer,) = self.drop(key, raw)
        return answer

    def json(self, claim: dict[str, str]) -> Any:
        """Return the JSON a claim stands for, its digest checked."""
        return json.loads(self.store.get(claim["uri"], claim["sha256"]))


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> Iterator[Ingesting]:
    """A function with an empty store and an empty database."""
    store, sink = MemoryStore(*BUCKETS), MemorySink()
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def rebuild(store: Any = store, **limits: int) -> Flask:
        settings = replace(Settings("unused", scratch_dir=scratch), **limits)
        return create_app(settings, store=store, engine=engine, sink=sink, clock=lambda: NOW)

    yield Ingesting(rebuild(), store, sink, session_factory(engine), rebuild)
    assert not list(scratch.iterdir()), "scratch files are removed"
