"""The console in front of record_events and log_inferences, over HTTP, with a model that has a history."""

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
from support.world import logged
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import answer
from eventing.store import MemoryStore
from eventing.testing import MemorySink, build_event, handle
from functions.console.app import create_app
from functions.console.cluster import Cluster, Function, Waiting
from functions.console.settings import Settings
from functions.log_inferences.app import create_app as create_log_inferences
from functions.log_inferences.settings import Settings as LoggingSettings
from functions.record_events.app import create_app as create_record_events
from functions.record_events.settings import Settings as RecordingSettings
from functions.state import specs, versions
from functions.state.database import session_factory, transaction
from functions.state.labels import FeedbackRow
from functions.state.runs import TrainingRun
from kascade.system.home import BUCKETS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = Claim(uri="s3://models/churn/v1/model.onnx", sha256="a" * 64)
DIGEST = "0" * 64
HOSTILE = "<script>alert(1)</script>"
ANSWERED = NOON + timedelta(minutes=10)


@dataclass
class Console:
    """A console with steering, what it sent, and the functions behind it."""

    app: Flask
    ledger: Flask
    log: Flask
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

    def waiting(self) -> list[Waiting] | None:
        return [Waiting("ingest-data", 7, 2)]


@pytest.fixture
def prediction() -> str:
    """The id of a prediction of version 2, once that is promoted."""
    return logged([ANSWERED], version=2).ids[0]


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
    log = create_log_inferences(LoggingSettings(database), store=MemoryStore(*BUCKETS), clock=lambda: NOON)
    behind = DispatcherMiddleware(NotFound(), {"/record-events": ledger, "/log-inferences": log})
    server = make_server("127.0.0.1", 0, behind, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}/{{}}"
    settings = Settings(url, steering=True, timeout_s=5)
    app = create_app(settings, sink=sink, cluster=cluster, clock=lambda: NOON)
    try:
        yield Console(app, ledger, log, sink, url)
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
        fates = {"since": NOON.isoformat(), "counts": {"joined": 500, "late": 20}}
        session.add(FeedbackRow(model="churn", joined_through=NOON, lag_s=1.5, fates=fates, alarms={}))
        session.add_all([run(2, outcome="completed"), run(3, outcome="failed"), run(4, outcome=None)])
    for event in story():
        assert handle(console.ledger, event) is None
    for version, shadow in ((2, False), (3, True)):
        batch = logged([ANSWERED], version=version, shadow=shadow, labels=["yes"])
        event = build_event(c.InferenceLogged.type, batch, subject=f"churn/v{version}", id_=f"batch{version}")
        assert handle(console.log, event) is None
    return console


def run(version: int, *, outcome: str | None) -> TrainingRun:
    ended = None if outcome is None else NOON
    return TrainingRun(
        model="churn",
        version=version,
        run_id=f"churn-v{version}",
        reason="dataset",
        automatic=True,
        cause_id="c",
        correlation_id="c",
        dataset_digest=DIGEST,
        config_digest=DIGEST,
        code_digest=DIGEST,
        rows=950,
        approved_at=NOON,
        lease_until=NOON + timedelta(hours=1),
        ended_at=ended,
        outcome=outcome,
    )


def trained(version: int, *tried: tuple[str, float]) -> dict[str, Any]:
    """Return the data of `training.completed`, chosen from estimators with their accuracy."""
    completed = completed_training(version, metrics={"roc_auc": 0.91}, train_rows=8000)
    experiments = [
        {"estimator": name, "parameters": {"depth": 4}, "folds": [mean, mean], "mean": mean, "seconds": 1.5}
        for name, mean in tried
    ]
    data = completed.model_copy(update={"run_id": f"churn-v{version}", "metric": "accuracy"})
    return {**data.model_dump(mode="json", exclude_none=True), "experiments": experiments}


def decided() -> dict[str, Any]:
    wealth_history = [{"labels": 20 * at, "worse": 0.5**at, "better": 2.0**at} for at in range(1, 6)]
    return {
        "model": "churn",
        "version": 2,
        "champion_version": 1,
        "phase": "shadow",
        "outcome": "promoted",
        "reason": "evidence",
        "labels": 100,
        "wealth_worse": 0.03,
        "wealth_better": 32,
        "threshold": 20,
        "alpha": 0.05,
        "margin": 0.01,
        "wealth_history": wealth_history,
        "message": "v2 is not worse",
    }


def story() -> list[Any]:
    amounts = {"low": 0.0, "high": 10.0, "reference": [0.5, 0.3, 0.2], "current": [0.1, 0.2, 0.7]}
    drifted = {"feature": HOSTILE, "method": "ks", "statistic": 0.9, "effect": 2.5, "drifted": True}
    countries = {"categories": ["DE", HOSTILE], "reference": [0.9, 0.1], "current": [0.2, 0.8]}
    features = [
        {**drifted, "distribution": amounts},
        {**drifted, "feature": "country", "method": "chi2", "drifted": False, "distribution": countries},
        {**drifted, "feature": "rare"},
    ]
    verdict = build_event(c.RolloutDecided.type, decided(), subject="churn/v2", id_="decided2")
    promoted = {"model": "churn", "version": 2, "outcome": "promoted", "message": "v2 serves"}
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
                "features": features,
            },
            subject="churn/v2",
            id_="drift1",
        ),
        build_event(
            c.DatasetIngested.type,
            {
                "model": "churn",
                "part": CLAIM.model_dump(),
                "profile": CLAIM.model_dump(),
                "dataset": CLAIM.model_dump(),
                "spec": CLAIM.model_dump(),
                "data_schema": CLAIM.model_dump(),
                "rows": 950,
                "total_rows": 950,
                "parts": 1,
                "quarantined_rows": 50,
                "quarantine_uri": "s3://quarantine/churn/report.json",
                "problems": [{"where": "row 7, column age", "problem": "not a number: 'x' (and 49 more)"}],
                "key": "churn/good.csv",
            },
            id_="ingested",
        ),
        build_event(
            c.TrainingCompleted.type,
            trained(2, ("forest", 0.8), ("tree", 0.9)),
            subject="churn/v2",
            id_="done2",
        ),
        build_event(
            c.TrainingFailed.type,
            {
                "model": "churn",
                "version": 3,
                "run_id": "churn-v3",
                "step": "refit",
                "error": f"no memory {HOSTILE}",
                "fix": "train on fewer rows",
                "log": "fold 1\nfold 2\nMemoryError",
            },
            subject="churn/v3",
            id_="failed3",
        ),
        verdict,
        answer(verdict, c.RolloutCompleted.type, "/tests", "churn/v2", promoted, now=NOON),
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
