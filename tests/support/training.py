"""Builders for tests of training: a dataset in a store, with its manifest, schema and spec."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim, OwnCode, TrainingApproved, TrainingReason
from eventing.store import Store
from pipelines.card import Card
from pipelines.request import RunRequest
from pipelines.steps.check import check
from pipelines.steps.evaluate import evaluate
from pipelines.steps.experiment import experiment
from pipelines.steps.export import export
from pipelines.steps.extract import extract
from pipelines.steps.features import features
from pipelines.steps.refit import refit
from pipelines.steps.select import select

_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

BUCKETS = ("datasets", "models")


def put_dataset(
    store: Store,
    parts: Sequence[pa.Table],
    kinds: Mapping[str, str],
    spec: str,
    *,
    version: int = 1,
    run_id: str = "run-1",
    code: str | None = None,
    requirements: str | None = None,
) -> RunRequest:
    """Lay down Parquet parts, schema, manifest and spec as ingestion does; return the run on them.

    Args:
        kinds: the kind of each column, in order.
        spec: the text of model.yaml, with `model` and `target`.
        code, requirements: what the files hold that train.code and train.requirements name.
    """
    for bucket in BUCKETS:
        store.ensure_bucket(bucket)
    fields = dict(line.split(": ", 1) for line in spec.splitlines() if ": " in line and line[0] != " ")
    model = fields["model"]
    listed = [_part(store, model, index, table) for index, table in enumerate(parts)]
    schema = {
        "columns": [
            {"name": name, "kind": kind, "nullable": True, "min": None, "max": None, "values": None}
            for name, kind in kinds.items()
        ],
        "target": fields["target"],
        "entity": fields.get("entity"),
        "timestamp": fields.get("timestamp"),
        "task": None,
        "classes": None,
    }
    spec_claim = _put(store, f"s3://models/{model}/specs", "model.yaml", spec.encode())
    schema_claim = _put(store, f"s3://datasets/{model}/schemas", "schema.json", json.dumps(schema).encode())
    manifest = {
        "model": model,
        "parts": listed,
        "spec_sha256": spec_claim.sha256,
        "schema_sha256": schema_claim.sha256,
    }
    dataset = _put(store, f"s3://datasets/{model}/manifests", "manifest.json", json.dumps(manifest).encode())
    output = f"s3://models/{model}/v{version}"
    own = None
    if code is not None:
        prefix = f"s3://models/{model}/code"
        needed = _put(store, prefix, "requirements.txt", requirements.encode()) if requirements else None
        own = OwnCode(train=_put(store, prefix, "train.py", code.encode()), requirements=needed)
    return RunRequest(model, version, run_id, dataset, spec_claim, schema_claim, output, 0, code=own)


def approve(request: RunRequest) -> TrainingApproved:
    """Return the governor's payload that asks for the run."""
    return TrainingApproved(
        model=request.model,
        version=request.version,
        run_id=request.run_id,
        reason=TrainingReason.MANUAL,
        rule="manual",
        dataset=request.dataset,
        spec=request.spec,
        data_schema=request.data_schema,
        output=request.output,
        seed=request.seed,
        code=request.code,
    )


def _part(store: Store, model: str, index: int, table: pa.Table) -> dict[str, object]:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    claim = _put(store, f"s3://datasets/{model}", "data.parquet", buffer.getvalue())
    return {
        **claim.model_dump(),
        "rows": table.num_rows,
        "bytes": buffer.tell(),
        "key": f"{model}/{index}.csv",
    }


def _put(store: Store, prefix: str, name: str, raw: bytes) -> Claim:
    return store.put(f"{prefix}/{hashlib.sha256(raw).hexdigest()}/{name}", raw)


CHURN_KINDS = {
    "amount": "number",
    "calls": "integer",
    "member": "boolean",
    "country": "category",
    "shop": "category",
    "note": "text",
    "since": "datetime",
    "churned": "category",
}


def churn_table(rows: int, seed: int = 0) -> pa.Table:
    """Draw a table with a column of every kind, missing values, and a target they partly explain."""
    rng = np.random.default_rng(seed)
    amount, calls = rng.normal(50, 20, rows), rng.integers(0, 12, rows)
    shop = rng.integers(0, 60, rows)
    churned = amount / 20 + calls / 3 + (shop % 2) + rng.normal(0, 1, rows) > 5
    missing = rng.random(rows) < 0.05
    days = rng.integers(0, 700, rows).astype("timedelta64[D]")
    return pa.table(
        {
            "amount": pa.array(amount, mask=missing),
            "calls": pa.array(calls),
            "member": pa.array(rng.random(rows) < 0.5),
            "country": pa.array([["de", "fr", "nl", None][i] for i in rng.integers(0, 4, rows)]),
            "shop": pa.array([f"shop-{i}" for i in shop]),
            "note": pa.array([["all fine here", "slow answer again"][int(c)] for c in calls > 5]),
            "since": pa.array(np.datetime64("2023-01-01") + days),
            "churned": pa.array(["yes" if value else "no" for value in churned]),
        }
    )


CHURN_SPEC = "model: churn\ntarget: churned\n"


def make_card(**fields: Any) -> Card:
    """Return a card of churn/v1, with what a test says otherwise."""
    digest = "0" * 64
    card: dict[str, Any] = {
        "model": "churn",
        "version": 1,
        "run_id": "run-1",
        "task": "classification",
        "target": "churned",
        "classes": ("no", "yes"),
        "features": (("amount", "number"),),
        "data": {"dataset": {"uri": "s3://datasets/churn/manifest.json", "sha256": digest}},
        "spec": {"digest": digest},
        "code_digest": digest,
        "evaluation": {"metrics": {}},
        "files": {},
        "seconds": 1.0,
    }
    return Card.model_validate(card | fields)


def train(store: Store, request: RunRequest, folder: Path) -> Card:
    """Run every step in this process, as the pipeline would, and return the card."""
    extract(store, request, folder / "extracted")
    metric = check(folder / "extracted", folder / "checked", request.model)["metric"]
    items = features(
        folder / "extracted", folder / "checked", folder / "prepared", request.model, request.seed
    )
    results = [result for item in items for result in experiment(folder / "prepared", int(item))]
    refit(folder / "prepared", select(results, metric), results, folder / "refitted")
    evaluate(folder / "prepared", folder / "refitted", folder / "evaluated")
    folders = {name: folder / name for name in ("extracted", "prepared", "refitted", "evaluated")}
    return export(store, folders, results, started=_NOON, now=_NOON)
