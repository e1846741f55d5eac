"""A version trained with views, served by entity: the same features and answers, and the card says so."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.feature_server import FeatureServerTwin, feature_server
from support.training import put_dataset, train

from eventing.store import MemoryStore
from functions.serve_model.app import create_app
from functions.serve_model.settings import Settings
from pipelines import layout
from pipelines.card import Card
from pipelines.features.aggregation import latest, view_rows
from pipelines.features.of_spec import own_views
from pipelines.prediction_ids import IdSource
from pipelines.spec import parse_spec
from pipelines.steps import files

ROWS = 600
KINDS = {"customer": "integer", "at": "datetime", "amount": "number", "big": "category"}
SPEC = """\
model: fraud
target: big
entity: customer
timestamp: at
train: {candidates: [{estimator: decision_tree, grid: {max_depth: [6]}}]}
features:
  missing: default
  defaults: {spent: 0}
  views: [{name: activity, aggregations: [{of: amount, function: sum, window: 7d, as: spent}]}]
  expressions: {ratio: "amount / max(spent, 1)"}
"""


@pytest.fixture(scope="module")
def dataset() -> pa.Table:
    """Purchases; those that are much beside what the customer spent in the week before are big."""
    rng = np.random.default_rng(0)
    customer, amount = rng.integers(0, 20, ROWS), rng.gamma(2, 20, ROWS).round(2)
    at = np.datetime64("2026-01-01", "us") + np.sort(rng.integers(0, 60 * 86400 * 10**6, ROWS))
    spent = [
        amount[:n][(customer[:n] == customer[n]) & (at[:n] > at[n] - np.timedelta64(7, "D"))].sum()
        for n in range(ROWS)
    ]
    big = amount / np.maximum(spent, 1) > 1
    return pa.table(
        {
            "customer": pa.array(customer),
            "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "amount": pa.array(amount),
            "big": ["yes" if each else "no" for each in big],
        }
    )


@pytest.fixture(scope="module")
def trained(dataset: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> tuple[Card, MemoryStore, Path]:
    store, folder = MemoryStore(), tmp_path_factory.mktemp("training")
    return train(store, put_dataset(store, [dataset], KINDS, SPEC), folder), store, folder


@pytest.fixture(scope="module")
def server(dataset: pa.Table) -> Iterator[FeatureServerTwin]:
    """A feature server that holds the newest row of each customer."""
    (view,) = own_views(parse_spec(SPEC.encode()))
    end = dataset["at"][-1].as_py()
    rows = latest(view, view_rows(view, dataset, created=end), end).to_pylist()
    known = {
        (row["customer"],): (row["event_timestamp"].isoformat(), {"spent": row["spent"]}) for row in rows
    }
    with feature_server() as twin:
        twin.views = {view.feast_name: (("customer",), known)}
        yield twin


def test_the_card_records_views_their_definitions_and_what_they_gave(trained: Any) -> None:
    card, _, _ = trained
    (view,) = own_views(parse_spec(SPEC.encode()))

    assert card.views[0].view == "fraud/activity"
    assert card.views[0].digest == view.digest
    assert card.views[0].features == ("spent",)
    assert card.expressions == {"ratio": "amount / max(spent, 1)"}
    assert card.features == (("amount", "number"), ("spent", "number"), ("ratio", "number"))
    assert card.evaluation.metrics["accuracy"] > 0.8  # which the amount alone does not give


def test_reference_and_holdout_hold_the_features_for_drift_and_the_gate(trained: Any) -> None:
    _, store, _ = trained
    for name in (layout.REFERENCE, layout.HOLDOUT):
        table = pq.read_table(io.BytesIO(store.get(f"s3://models/fraud/v1/{name}")))
        assert {"amount", "spent", "ratio"} <= set(table.column_names)


def test_a_row_by_entity_is_answered_as_the_next_row_of_training_would_be(
    trained: Any, server: FeatureServerTwin, dataset: pa.Table, tmp_path: Path
) -> None:
    card, store, _ = trained
    (tmp_path / "model.onnx").write_bytes(store.get("s3://models/fraud/v1/model.onnx"))
    digest = card.files[layout.ONNX].sha256
    settings = Settings("fraud", 1, (tmp_path / "model.onnx").as_uri(), digest, feature_server=server.url)
    inference = create_app(settings)._inference
    customers = list(range(20))
    body = {"entities": [{"customer": each, "amount": 50.0} for each in customers]}

    async def ask() -> Any:
        asked = inference.read("v1", json.dumps(body).encode())
        assert asked.question is not None
        assert inference.lookup is not None
        found = await inference.lookup.find(asked.question)
        await inference.lookup.close()
        return inference.answer(asked, IdSource(lambda: 1.0, lambda bits: 0), found)

    answered = asyncio.run(ask())

    # The same rows as training sees them: appended to the data, a moment after its last one.
    end = dataset["at"][-1].as_py()
    later = pa.array([end.replace(microsecond=999_999)] * 20, pa.timestamp("us", tz="UTC"))
    more = pa.table(
        {
            "customer": pa.array(customers, pa.int64()),
            "at": later,
            "amount": pa.array([50.0] * 20),
            "big": ["no"] * 20,
        }
    )
    from pipelines.steps.extract import extract

    other = MemoryStore()
    extract(other, put_dataset(other, [dataset, more], KINDS, SPEC), tmp_path / "again")
    expected = files.read_table(tmp_path / "again").slice(ROWS)
    prediction = answered.prediction
    assert list(prediction.inputs["spent"]) == expected["spent"].to_pylist()
    assert list(prediction.inputs["ratio"]) == pytest.approx(expected["ratio"].to_pylist(), rel=1e-15)
    assert not prediction.missing
    assert len(set(json.loads(answered.body)["predictions"])) == 2
