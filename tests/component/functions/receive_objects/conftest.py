"""The function over a real S3 server and a real database, with a sink that remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from flask import Flask

from eventing.catalogue import PING
from eventing.store import S3Store
from eventing.store.s3 import make_client
from eventing.testing import MemorySink, build_event, handle
from functions.receive_objects.app import create_app
from functions.receive_objects.settings import Settings
from kascade.system.stores.embedded import EmbeddedStore

TOKEN = "a-token-of-some-length"


@dataclass
class Clock:
    """Tells the real time, moved ahead by what the test says."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class System:
    """The store that people drop into, the function, and what it has sent."""

    store: S3Store
    client: Any
    database: str
    sink: MemorySink = field(default_factory=MemorySink)
    clock: Clock = field(default_factory=Clock)
    token: str | None = TOKEN
    buckets: tuple[str, ...] = ("raw",)

    def start(self, **replaced: Any) -> Flask:
        """Build the application, as a new process would."""
        deps = {"store": self.store, "sink": self.sink, "clock": self.clock, **replaced}
        # A clock that stands still measures no cost, so no sweep has to rest.
        settings = Settings(self.database, self.buckets, self.token)
        return create_app(settings, **{"later": lambda work: work(), **deps}, monotonic_s=lambda: 0.0)

    def drop(self, key: str, content: bytes, bucket: str = "raw") -> None:
        self.store.put(f"s3://{bucket}/{key}", content)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket="raw", Key=key)

    def announced(self) -> list[tuple[str, str]]:
        """Return what was sent: (name of the event, key)."""
        return [(event.data["eventName"], event.subject or "") for event in self.sink.events]

    @staticmethod
    def sweep(app: Flask) -> None:
        """Send the tick that makes the function look."""
        assert handle(app, build_event(PING)) is None

    @staticmethod
    def notify(
        app: Flask,
        *keys: str,
        name: str = "s3:ObjectCreated:Put",
        token: str = TOKEN,
        bucket: str = "raw",
    ) -> int:
        """Call the webhook as MinIO does; return the status."""
        entities = [{"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}} for key in keys]
        message = {"Records": [{"eventName": name, "s3": entity} for entity in entities]}
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().post("/webhook", json=message, headers=headers).status_code


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "access", "secretsecret") as running:
        yield running


@pytest.fixture
def system(embedded: EmbeddedStore, database: str) -> System:
    client = make_client(embedded.env)
    store = S3Store(client, page_keys=100)
    store.ensure_bucket("raw")
    for entry in list(store.list("s3://raw/")):
        client.delete_object(Bucket="raw", Key=entry.key)
    return System(store, client, database)
