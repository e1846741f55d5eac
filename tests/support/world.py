"""A database, a store in memory and a clock, with models in them: what tests of functions start from."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from support.training import make_card

from eventing.catalogue import Claim, InferenceLogged, TrainingCompleted
from eventing.store import MemoryStore
from functions.inferences.log import table_of, to_parquet
from functions.state import specs, versions
from functions.state.database import make_engine, session_factory, transaction
from functions.state.inferences import InferenceBatch, add_batch
from functions.state.labels import JoinedLabel
from kascade.system.home import BUCKETS
from pipelines.prediction_ids import uuid7
from pipelines.spec import parse_spec, spec_digest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "churn"
DIGEST = "0" * 64


class World:
    """Everything outside a function; `now` is the time that its clock tells."""

    def __init__(self, url: str) -> None:
        """Take the address of a migrated database."""
        self.url = url
        self.engine: Engine = make_engine(url)
        self.sessions = session_factory(self.engine)
        self.store = MemoryStore(*BUCKETS)
        self.now = NOON
        self._batches = 0

    def clock(self) -> datetime:
        return self.now

    def after(self, seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with transaction(self.sessions) as session:
            yield session

    def spec(self, **sections: Any) -> None:
        """Register a model.yaml; sections are given as mappings."""
        text = json.dumps({"model": MODEL, "target": "churned", **sections})
        spec = parse_spec(text.encode(), model=MODEL)
        claim = self.store.put(
            f"s3://models/{MODEL}/specs/{hashlib.sha256(text.encode()).hexdigest()}", text.encode()
        )
        with self.session() as session:
            specs.add_spec(
                session,
                MODEL,
                claim=claim,
                digest=spec_digest(spec),
                text=text,
                key=f"{MODEL}/model.yaml",
                etag=None,
                now=self.now,
            )

    def version(
        self,
        version: int,
        *,
        classes: Sequence[Any] | None = ("no", "yes"),
        features: Sequence[tuple[str, str]] = (("amount", "number"),),
        reference: pa.Table | None = None,
        loss: dict[str, Any] | None = None,
        views: Sequence[dict[str, Any]] = (),
        randomised: float = 0.0,
        promoted: bool = False,
    ) -> None:
        """Register a version with its card and reference; `promoted` makes it champion."""
        where = f"s3://models/{MODEL}/v{version}"
        loss = loss or {"rows": 1000, "mean": 0.1, "variance": 0.09, "scale": 1.0}
        card = make_card(
            model=MODEL,
            version=version,
            task="classification" if classes else "regression",
            classes=classes,
            features=features,
            views=views,
            evaluation={"metrics": {}, "loss": loss},
            randomised=randomised,
        )
        table = pa.table({"amount": [1.0]}) if reference is None else reference
        completed = TrainingCompleted(
            model=MODEL,
            version=version,
            run_id=f"run-{version}",
            candidate=self.store.put(f"{where}/model.onnx", b"onnx"),
            card=self.store.put(f"{where}/card.json", card.to_json()),
            holdout=Claim(uri=f"{where}/holdout.parquet", sha256=DIGEST),
            reference=self.store.put(f"{where}/reference.parquet", parquet(table)),
            metrics={"accuracy": 0.9},
            dataset_digest=DIGEST,
            config_digest=DIGEST,
            code_digest=DIGEST,
            train_rows=1000,
            seconds=1.0,
        )
        with self.session() as session:
            versions.register(session, completed, f"completed-{version}", self.now)
            if promoted:
                versions.record_fact(
                    session, MODEL, version, versions.Fact.PROMOTED, f"promoted-{version}", self.now
                )

    def log(self, logged: InferenceLogged) -> InferenceBatch:
        """Write a batch of predictions as log_inferences does."""
        self._batches += 1
        times = [datetime.fromtimestamp(each / 1000, UTC) for each in logged.times_ms] or [self.now]
        claim = self.store.put(
            f"s3://inferences/{MODEL}/{self._batches}.parquet", to_parquet(table_of(logged))
        )
        row = InferenceBatch(
            source="/kascade/serve_model",
            event_id=f"batch-{self._batches}",
            model=logged.model,
            version=logged.version,
            shadow=logged.shadow,
            uri=claim.uri,
            sha256=claim.sha256,
            rows=len(logged.ids),
            failures=logged.failures,
            first=min(times),
            last=max(times),
            recorded_at=self.now,
            window=None,
        )
        with self.session() as session:
            add_batch(session, row)
        return row

    def label(self, *labels: tuple[str, datetime, Any]) -> None:
        """Join labels to predictions: (the prediction's id, when it was made, the label)."""
        with self.session() as session:
            for prediction_id, at, value in labels:
                row = JoinedLabel(model=MODEL, prediction_id=prediction_id, at=at, value=value, version=1)
                row.label_id, row.received_at = f"l-{prediction_id}", at
                session.add(row)


def parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def logged(
    times: Sequence[datetime],
    *,
    version: int = 1,
    shadow: bool = False,
    labels: Sequence[Any] | None = None,
    numbers: Sequence[float] | None = None,
    inputs: dict[str, list[Any]] | None = None,
    entities: list[str | None] | None = None,
    failures: int = 0,
    latency_ms: float = 1.0,
    seed: str = "",
) -> InferenceLogged:
    """Build a batch of predictions made at some times; the ids follow from time, place and seed."""
    rows = len(times)
    return InferenceLogged(
        model=MODEL,
        version=version,
        shadow=shadow,
        ids=[uuid7(at, f"{seed}/{row}") for row, at in enumerate(times)],
        times_ms=[int(at.timestamp() * 1000) for at in times],
        inputs=inputs if inputs is not None else {"amount": [float(row) for row in range(rows)]},
        labels=None if numbers is not None else list(labels or ["no"] * rows),
        predictions=None if numbers is None else list(numbers),
        entities=entities,
        latencies_ms=[latency_ms] * rows,
        failures=failures,
    )
