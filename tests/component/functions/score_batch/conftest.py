"""score_batch over a database and a store in memory, with small models that are written, not trained."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from support.tiny_models import classifier

from eventing.catalogue import BatchCompleted, BatchFailed, Claim, ObjectRecord
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import MemorySink, object_created
from functions.score_batch.job import Job
from functions.score_batch.settings import Settings
from functions.state import specs
from functions.state.database import session_factory, transaction
from functions.state.versions import Fact, ModelVersion, record_fact
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Boolean, Number

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SPEC = "{target: churned, entity: customer}"
MIXED = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("visits", "integer", Number()),
        Feature("country", "category", OneHot(("DE", "FR"), missing=True)),
        Feature("active", "boolean", Boolean()),
    )
)
CLASSES = ["left", "stayed"]


@dataclass
class Scoring:
    """One job after another, in this process."""

    store: MemoryStore
    sink: MemorySink
    sessions: sessionmaker[Session]
    settings: Settings
    count: int = field(default=0)

    def serve(self, version: int, raw: bytes | None = None, *, model: str = "churn") -> bytes:
        """Register and promote a version; return its file."""
        raw = raw or classifier(MIXED, CLASSES, model=model, version=version, entity="customer")
        uri = f"s3://models/{model}/v{version}/model.onnx"
        claim = self.store.put(uri, raw)
        digest = "0" * 64
        with transaction(self.sessions) as session:
            if specs.current_spec(session, model) is None:
                spec = Claim.of(f"s3://models/{model}/specs/x/model.yaml", SPEC.encode())
                key = f"{model}/model.yaml"
                specs.add_spec(
                    session, model, claim=spec, digest=digest, text=SPEC, key=key, etag=None, now=NOW
                )
            files = {f"{name}_uri": uri for name in ("candidate", "card", "holdout", "reference")}
            digests = {f"{name}_sha256": digest for name in ("card", "holdout", "reference")}
            session.add(
                ModelVersion(
                    model=model,
                    version=version,
                    run_id=f"run-{version}",
                    **files,
                    **digests,
                    candidate_sha256=claim.sha256,
                    metrics={},
                    dataset_digest=digest,
                    config_digest=digest,
                    code_digest=digest,
                    train_rows=1,
                    event_id=f"registered-{version}",
                    registered_at=NOW,
                )
            )
            record_fact(session, model, version, Fact.PROMOTED, f"promoted-{version}", NOW)
        return raw

    def put(self, key: str, raw: bytes | str) -> Event:
        """Drop a file; return the event that tells of it."""
        uri = f"s3://batch/{key}"
        self.store.put(uri, raw.encode() if isinstance(raw, str) else raw)
        self.count += 1
        etag = self.store.head(uri).etag
        return object_created(key, bucket="batch", etag=etag, id_=f"object-{self.count}", time=NOW)

    def run(self, event: Event, **job: Any) -> list[Event]:
        """Run a job for an event; return what it sent."""
        before = len(self.sink.events)
        Job(self.settings, self.store, self.sessions, self.sink, clock=lambda: NOW, **job).run(
            event, ObjectRecord.model_validate(event.data)
        )
        return list(self.sink.events[before:])

    def completed(self, key: str, raw: bytes | str) -> BatchCompleted:
        """Drop a file that is scored."""
        (event,) = self.run(self.put(key, raw))
        assert event.type == BatchCompleted.type, event.data
        return BatchCompleted.model_validate(event.data)

    def failed(self, key: str, raw: bytes | str) -> BatchFailed:
        """Drop a file that is not."""
        (event,) = self.run(self.put(key, raw))
        assert event.type == BatchFailed.type, event.data
        return BatchFailed.model_validate(event.data)

    def result(self, done: BatchCompleted) -> pa.Table:
        """Return the result of a file, whose digest is verified."""
        raw = io.BytesIO(self.store.get(done.result.uri, done.result.sha256))
        if done.result.uri.endswith(".parquet"):
            return pq.read_table(raw)
        texts = dict.fromkeys(("customer", "problem", "prediction"), pa.string())
        options = pacsv.ConvertOptions(column_types=texts, strings_can_be_null=True, null_values=[""])
        return pacsv.read_csv(raw, convert_options=options)

    def objects(self, bucket: str) -> list[str]:
        """Return the keys of a bucket."""
        return [each.key for each in self.store.list(f"s3://{bucket}/")]


@pytest.fixture
def scoring(engine: Engine, tmp_path: Path) -> Scoring:
    """A job's surroundings, with the champion v1 of `churn`."""
    store = MemoryStore("batch", "models", "quarantine", "reports")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    settings = Settings(tmp_path / "event", "unused", scratch)
    found = Scoring(store, MemorySink(), session_factory(engine), settings)
    found.serve(1)
    return found


def parquet(table: pa.Table) -> bytes:
    """Return a table as a file."""
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
