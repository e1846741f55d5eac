"""Puts what came of a file into the object store. Every address but the reports' is its content's digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from eventing.catalogue import Claim
from eventing.store import Store
from functions.ingest_data.drop import Drop
from functions.ingest_data.examine import Examined, Part
from functions.ingest_data.schema import DataSchema


@dataclass(frozen=True)
class StoredPart:
    """A part in the store, with its profile and schema."""

    part: Claim
    profile: Claim
    schema: Claim


def store_part(store: Store, model: str, part: Part) -> StoredPart:
    """Put a part, its profile and its schema. Doing it again changes nothing."""
    folder = f"s3://datasets/{model}/{part.sha256}"
    with part.path.open("rb") as stream:
        data = store.put(f"{folder}/data.parquet", stream)
    profile = store.put(f"{folder}/profile.json", _json(part.profile))
    return StoredPart(data, profile, store_schema(store, model, part.schema))


def store_schema(store: Store, model: str, schema: DataSchema) -> Claim:
    """Put a data schema."""
    return store.put(f"s3://datasets/{model}/schemas/{schema.sha256}.json", schema.to_json().encode())


def store_report(store: Store, model: str, drop: Drop, spec_sha256: str, examined: Examined) -> Claim:
    """Put the report on a file, and the table of its bad cells beside it."""
    refusal = examined.refusal
    report: dict[str, Any] = {
        "model": model,
        "key": drop.key,
        "etag": drop.etag,
        "spec_sha256": spec_sha256,
        "refused": None if refusal is None else refusal.reason,
        "problems": [] if refusal is None else [one.model_dump() for one in refusal.problems],
        "rows": examined.rows,
        "bad_rows": examined.bad_rows,
        "bad_cells": list(examined.summary),
        "ignored_columns": list(examined.ignored_columns),
    }
    raw = _json(report)
    folder = f"s3://quarantine/{model}/{hashlib.sha256(raw).hexdigest()}"
    if examined.bad_cells is not None:
        with examined.bad_cells.open("rb") as stream:
            store.put(f"{folder}/rows.parquet", stream)
    return store.put(f"{folder}/report.json", raw)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
