"""evaluate_model over a database and a store in memory, with models that are written, not trained."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from support.replay.again import assert_decided_again
from support.runs import run_of
from support.training import make_card

from eventing import catalogue as kinds
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import build_event, handle
from functions.evaluate_model.app import create_app
from functions.evaluate_model.settings import Settings
from functions.state import specs, versions
from functions.state.database import session_factory, transaction
from functions.state.runs import get_run
from pipelines import layout
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import Number
from pipelines.onnx_graph import with_metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = "0" * 64
ROWS = 1200


def holdout(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Rows whose target follows x1 alone; the country `LU` has its sign turned."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=rows), rng.normal(size=rows)
    country = np.array(["NL", "BE", "LU"])[rng.choice(3, rows, p=[0.5, 0.3, 0.2])]
    noise = rng.normal(scale=0.5, size=rows)
    churned = np.where(country == "LU", -x1, x1) + noise > 0
    times = [NOON + timedelta(hours=n) for n in range(rows)]
    return pa.table(
        {
            "x1": x1,
            "x2": x2,
            "country": country,
            "lu": np.where(country == "LU", x1, 0.0),
            "seen_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "churned": np.where(churned, "yes", "no"),
            "amount": 10 * x1 + noise,
        }
    )


@dataclass
class Gate:
    """The function, and what stands around it."""

    app: Flask
    store: MemoryStore
    sessions: sessionmaker[Session]
    spec: kinds.Claim | None = None

    def register_spec(self, text: str = "") -> None:
        raw = f"model: churn\ntarget: churned\ntrain: {{metric: roc_auc}}\n{text}".encode()
        self.spec = self.store.put("s3://models/churn/specs/x/model.yaml", raw)
        with transaction(self.sessions) as session:
            specs.add_spec(
                session,
                "churn",
                claim=self.spec,
                digest=DIGEST,
                text=raw.decode(),
                key="k",
                etag=None,
                now=NOON,
            )

    def candidate(
        self,
        version: int,
        weights: dict[str, float],
        *,
        table: pa.Table | None = None,
        split: dict[str, Any] | None = None,
        judged: dict[str, float] | None = None,
        **metadata: Any,
    ) -> kinds.TrainingCompleted:
        """Write a version's files and say that its training completed.

        Args:
            judged: weights of the model as it was before it learnt from its holdout.
        """
        folder = f"s3://models/churn/v{version}"
        buffer = io.BytesIO()
        pq.write_table(holdout() if table is None else table, buffer)
        files = {}
        if judged is not None:
            before = model_file(judged, version=version, **metadata)
            files[layout.JUDGED] = self.store.put(f"{folder}/{layout.JUDGED}", before).model_dump()
        card = make_card(
            files=files,
            version=version,
            data={"dataset": {"uri": "s3://d/k", "sha256": DIGEST}, "split": split or {"by": "content"}},
            spec={"digest": DIGEST, **(self.spec.model_dump() if self.spec else {})},
        )
        card_claim = self.store.put(f"{folder}/card.json", card.to_json())
        self.approve(version)
        model = model_file(weights, version=version, **metadata)
        return kinds.TrainingCompleted(
            model="churn",
            version=version,
            run_id=f"churn-v{version}",
            candidate=self.store.put(f"{folder}/model.onnx", model),
            card=card_claim,
            holdout=self.store.put(f"{folder}/holdout.parquet", buffer.getvalue()),
            reference=card_claim,
            metrics={},
            dataset_digest=DIGEST,
            config_digest=DIGEST,
            code_digest=DIGEST,
            train_rows=10,
            seconds=1,
        )

    def approve(self, version: int) -> None:
        """Note the run of a version, as the governor does."""
        with transaction(self.sessions) as session:
            if get_run(session, "churn", version) is None:
                session.add(run_of("churn", version))

    def ask(self, completed: kinds.TrainingCompleted, id_: str | None = None) -> Event:
        event = build_event(
            kinds.TrainingCompleted.type,
            completed,
            subject=f"churn/v{completed.version}",
            id_=id_ or f"completed{completed.version}",
        )
        answer = handle(self.app, event)
        assert answer is not None
        assert answer.subject == f"churn/v{completed.version}"
        assert_decided_again([answer], self.store)
        return answer

    def promote(self, version: int) -> None:
        with transaction(self.sessions) as session:
            versions.record_fact(session, "churn", version, versions.Fact.PROMOTED, f"p{version}", NOON)

    def facts(self, version: int) -> list[str]:
        with transaction(self.sessions, read_only=True) as session:
            return [row.fact for row in versions.facts_of(session, "churn", version)]


def model_file(weights: dict[str, float], **metadata: Any) -> bytes:
    """A linear model of named numbers; `classes=None` makes it a regression."""
    about = {
        "model": "churn",
        "version": 1,
        "task": "classification",
        "target": "churned",
        "classes": ["no", "yes"],
        "metric": "roc_auc",
        "metrics": {},
        "dataset_digest": DIGEST,
        "encoding": Encoding(tuple(Feature(name, "number", Number()) for name in weights)).to_json(),
        **metadata,
    }
    helper = onnx.helper
    column = np.array([list(weights.values())], dtype=np.float32).T
    if about["classes"] is None:
        matrix, name, last = column, "variable", []
    else:
        count = len(about["classes"])
        matrix = np.hstack([column * sign for sign in np.linspace(-1, 1, count)])
        name = "probabilities"
        last = [
            helper.make_node("Softmax", ["raw"], [name], axis=1),
            helper.make_node("ArgMax", [name], ["label"], axis=1, keepdims=0),
        ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "w"], ["raw" if last else name]), *last],
        "linear",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [None, len(weights)])],
        [
            *([helper.make_tensor_value_info("label", onnx.TensorProto.INT64, [None])] if last else []),
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, matrix.shape[1]]),
        ],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(matrix.astype(np.float32)), "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return with_metadata(model.SerializeToString(), about)


@pytest.fixture
def gate(database: str, engine: Engine) -> Gate:
    store = MemoryStore()
    store.ensure_bucket("models")
    app = create_app(Settings(database, resamples=300), store=store, clock=lambda: NOON)
    return Gate(app, store, session_factory(engine))


@pytest.fixture
def rows() -> pa.Table:
    """The holdout that candidates have unless a test gives them another."""
    return holdout()
