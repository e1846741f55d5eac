"""Payloads about specs and datasets."""

from __future__ import annotations

from eventing.catalogue.base import Claim, ModelName, Payload, Problem


class SpecRegistered(Payload, type="spec.registered", subject="<model>", emitted_by=("ingest_data",)):
    """A model.yaml was accepted; `spec` is its immutable copy."""

    model: ModelName
    spec: Claim


class SpecRejected(Payload, type="spec.rejected", subject="<model>", emitted_by=("ingest_data",)):
    """A model.yaml was refused; `problems` names each place and its fix."""

    model: str
    key: str
    problems: list[Problem]


class DatasetIngested(Payload, type="dataset.ingested", subject="<model>", emitted_by=("ingest_data",)):
    """A validated part was added to the model's dataset; `dataset` is the manifest of all parts so far."""

    model: ModelName
    part: Claim
    profile: Claim
    dataset: Claim
    spec: Claim
    data_schema: Claim
    rows: int
    total_rows: int
    parts: int
    quarantined_rows: int = 0
    quarantine_uri: str | None = None
    key: str


class DatasetRejected(Payload, type="dataset.rejected", subject="<model>", emitted_by=("ingest_data",)):
    """A dropped file was refused whole; it is kept where it was dropped."""

    model: str
    key: str
    reason: str
    problems: list[Problem]
    report_uri: str | None = None
    rows: int = 0
    bad_rows: int = 0
