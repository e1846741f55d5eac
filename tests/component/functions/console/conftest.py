"""The console in front of a real record_events, over HTTP, with a model that has a history."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from support.completions import completed_training
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.testing import MemorySink, build_event, handle
from functions.console.app import create_app
from functions.console.cluster import Cluster, Function
from functions.console.settings import Settings
from functions.record_events.app import create_app as create_record_events
from functions.record_events.settings import Settings as RecordingSettings
from functions.state import specs, versions
from functions.state.database import session_factory, transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)
DIGEST = "0" * 64
HOSTILE = "<script>alert(1)</script>"


@dataclass
class Console:
    """A console with steering, what it sent, and the record_events behind it."""

    app: Flask
    ledger: Flask
    sink: MemorySink
    services_url: str

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def page(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text


class ThreeFunctions:
    """A cluster."""

    def functions(self) -> list[Function]:
        return [
            Function("ingest-data", "ready", 1),
            Function("detect-drift", "asleep", 0),
            Function("run-later", "failing", 0, "its image is not there"),
        ]


@pytest.fixture
def database_kind() -> str:
    """The console has no database; record_events has tests of its own on each kind."""
    return "sqlite"


@pytest.fixture
def cluster() -> Cluster:
    return ThreeFunctions()


@pytest.fixture
def console(database: str, engine: Engine, cluster: Cluster) -> Iterator[Console]:
    sink = MemorySink()
    ledger = create_record_events(RecordingSettings(database), sink=sink, clock=lambda: NOON)
    behind = DispatcherMiddleware(NotFound(), {"/record-events": ledger})
    server = make_server("127.0.0.1", 0, behind, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}/{{}}"
    settings = Settings(url, steering=True, timeout_s=5)
    app = create_app(settings, sink=sink, cluster=cluster, clock=lambda: NOON)
    try:
        yield Console(app, ledger, sink, url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def told(console: Console, engine: Engine) -> Console:
    """A console of a system in which a model has two versions, labels, drift and a refused file."""
    with transaction(session_factory(engine)) as session:
        text = "model: churn\ntarget: y\n"
        specs.add_spec(session, "churn", claim=CLAIM, digest=DIGEST, text=text, key="k", etag=None, now=NOON)
        for version in (1, 2):
            at = NOON + timedelta(minutes=version)
            versions.register(
                session,
                completed_training(version, metrics={"roc_auc": 0.91}, train_rows=8000),
                f"done{version}",
                at,
            )
            versions.record_fact(session, "churn", version, versions.Fact.PROMOTED, f"promoted{version}", at)
    for event in story():
        assert handle(console.ledger, event) is None
    return console


def story() -> list[Any]:
    drifted = {"feature": HOSTILE, "method": "ks", "statistic": 0.9, "effect": 2.5, "drifted": True}
    events = [
        build_event(
            c.DatasetRejected.type,
            {
                "model": "churn",
                "key": "churn/bad.csv",
                "reason": "ragged",
                "problems": [{"where": "line 3", "problem": "has 4 fields, not 5"}],
            },
            id_="refused",
        ),
        build_event(
            c.DriftChecked.type,
            {
                "model": "churn",
                "version": 2,
                "of": "inferences",
                "window": 1,
                "status": "drifted",
                "detector": "tabular",
                "rows": 500,
                "features": [drifted],
            },
            subject="churn/v2",
            id_="drift1",
        ),
        build_event("com.example.odd", {"text": HOSTILE}, subject=HOSTILE, id_="odd/1 ?"),
    ]
    for minute in range(1, 6):
        labelled = [
            {
                "version": version,
                "predictions": 100 * minute,
                "matured": 100 * minute,
                "labelled": 100 * minute,
                "mean_loss": 0.1 * version,
            }
            for version in (1, 2)
        ]
        events.append(
            build_event(
                c.FeedbackJoined.type,
                {"model": "churn", "joined": 200, "versions": labelled},
                id_=f"joined{minute}",
                time=NOON + timedelta(minutes=minute),
            )
        )
    return events
