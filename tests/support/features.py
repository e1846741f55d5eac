"""Data and model.yaml files dropped, ingested and made into features, by the functions that do so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from eventing.catalogue import FeaturesApplied, FeaturesDefined, FeaturesRequested, source_of
from eventing.event import Event, answer
from eventing.store import Store
from eventing.testing import MemorySink, build_event, handle, object_created
from functions.ingest_data import app as ingest_data
from functions.ingest_data.settings import Settings as IngestSettings
from functions.materialize_features.app import ACCEPTS, create_app
from functions.materialize_features.feature_server import FeatureServer, Online, ViewUnknown
from functions.materialize_features.settings import Settings
from pipelines.features.view import EVENT_TIMESTAMP, View

BUCKETS = ("raw", "datasets", "quarantine", "models", "features")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class MemoryFeatureServer:
    """A feature server in memory: as Feast's, it knows what was applied, and overwrites what it has."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.rows: dict[str, dict[tuple[Any, ...], Mapping[str, Any]]] = {}
        self.writes = 0
        self.before_write: Callable[[], None] = lambda: None

    def write(self, view: View, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
        if view.feast_name not in self.known:
            raise ViewUnknown(view.feast_name)
        before, self.before_write = self.before_write, lambda: None
        before()
        self.writes += 1
        for row in rows:
            self.rows.setdefault(view.feast_name, {})[tuple(row[n] for n in view.entity)] = dict(row)

    def read(self, view: View, entities: Mapping[str, Sequence[Any]]) -> Online:
        if view.feast_name not in self.known:
            raise ViewUnknown(view.feast_name)
        table = self.rows.get(view.feast_name, {})
        found = [table.get(key) for key in zip(*(entities[n] for n in view.entity), strict=True)]
        values = {name: [None if row is None else row[name] for row in found] for name in view.features}
        at = [None if row is None else row[EVENT_TIMESTAMP].replace(microsecond=0) for row in found]
        return Online(values, at)


class Features:
    """ingest_data and materialize_features on one store and state; `apply` stands for the job of Feast.

    Attributes:
        events: everything that was said, in order.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        server: FeatureServer,
        apply: Callable[[Event], Event],
        scratch: Path,
    ) -> None:
        self.store, self.sink, self.events = store, MemorySink(), list[Event]()
        self.now, self._apply, self._count = NOW, apply, 0
        for bucket in BUCKETS:
            store.ensure_bucket(bucket)
        url = str(engine.url)
        self.ingest = ingest_data.create_app(
            IngestSettings(database_url=url, scratch_dir=str(scratch)),
            store=store,
            engine=engine,
            sink=self.sink,
            clock=lambda: self.now,
        )
        self.app = create_app(
            Settings(url), store=store, engine=engine, server=server, sink=self.sink, clock=lambda: self.now
        )

    def drop(self, key: str, raw: bytes | str) -> list[Event]:
        """Drop a file, and deliver all that comes of it; return what was said."""
        data = raw.encode() if isinstance(raw, str) else raw
        self.store.put(f"s3://raw/{key}", data)
        found = self.store.head(f"s3://raw/{key}")
        self._count += 1
        return self.deliver(object_created(key, etag=found.etag, size=found.size, id_=f"o{self._count}"))

    def ingest_only(self, key: str, raw: str) -> list[Event]:
        """Drop a file, and let nobody hear what comes of it."""
        self.store.put(f"s3://raw/{key}", raw.encode())
        self._count += 1
        return self.tell(
            object_created(key, etag=self.store.head(f"s3://raw/{key}").etag, id_=f"o{self._count}")
        )

    def push(self, model: str, view: str, *rows: Mapping[str, Any], id_: str | None = None) -> list[Event]:
        data = {"model": model, "view": view, "rows": list(rows)}
        return self.deliver(build_event("dev.kascade.features.pushed", data, id_=id_, time=self.now))

    def request(self, model: str, action: str, sample: int = 1000) -> list[Event]:
        data = {"model": model, "action": action, "sample": sample}
        return self.deliver(build_event(FeaturesRequested.type, data))

    def store_definition(self, said: Mapping[str, Any]) -> Any:
        """Return the definition of a view, of which something was said, as it lies in the store."""
        uris = [each.uri for each in self.store.list(f"s3://features/{said['model']}/{said['view']}/")]
        found = [json.loads(self.store.get(uri)) for uri in uris if uri.endswith("/view.json")]
        return next(each["view"] for each in found if each["name"] == said["name"])

    def deliver(self, event: Event) -> list[Event]:
        """Deliver an event, and all that comes of it, as a broker would; return what was said."""
        said, pending = list[Event](), [event]
        while pending:
            each = pending.pop(0)
            found = self.tell(each)
            said += found
            pending += found
        self.events += said
        return said

    def tell(self, event: Event) -> list[Event]:
        """Deliver one event to the one function that hears it."""
        if event.type == FeaturesDefined.type:
            return [self._apply(event)]
        app = self.app if event.type in ACCEPTS else self.ingest if event.type.startswith("com.") else None
        if app is None:
            return []
        before = len(self.sink.events)
        reply = handle(app, event)
        return [reply] if reply is not None else self.sink.events[before:]


def applied_by(server: MemoryFeatureServer) -> Callable[[Event], Event]:
    """Return what stands for Feast's job: it makes the views known, and says so."""

    def apply(event: Event) -> Event:
        names = [view["name"] for view in event.data["views"]]
        server.known |= set(names)
        model = event.data["model"]
        said = FeaturesApplied(model=model, views=names)
        return answer(event, FeaturesApplied.type, source_of("apply_features"), model, said)

    return apply
