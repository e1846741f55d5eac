"""Payloads about specs and datasets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from eventing.catalogue.base import Claim, Count, ModelName, ObjectUri, Payload, Problem, Rows

MAX_WARNINGS, MAX_PROBLEMS = 50, 20


class OwnCode(Payload):
    """Immutable copies of a model's own training code (train.code) and of what names its packages."""

    train: Claim
    requirements: Claim | None = None


class SpecRegistered(Payload, type="spec.registered", subject="<model>", emitted_by=("ingest_data",)):
    """A model.yaml was accepted; `spec` is its immutable copy, `code` are those of the code that it names."""

    model: ModelName
    spec: Claim
    code: OwnCode | None = None


class SpecRejected(Payload, type="spec.rejected", subject="<model>", emitted_by=("ingest_data",)):
    """A model.yaml, or code that it names, was refused; `problems` names each place and its fix."""

    model: str
    key: str
    problems: list[Problem]


class DataWarning(Payload):
    """What was read in another way than a person may think, in a file that was taken all the same."""

    column: str | None = None
    count: Rows | None = None
    message: Annotated[str, Field(max_length=300)]
    fix: str | None = None


class DatasetIngested(Payload, type="dataset.ingested", subject="<model>", emitted_by=("ingest_data",)):
    """A validated part was added to the model's dataset; `dataset` is the manifest of all parts so far.

    `rows` and `total_rows` count the rows to learn from; a part has `unlabelled_rows` besides. `problems`
    says what was wrong with the quarantined ones, the most frequent first; all of it is at `quarantine_uri`.
    """

    model: ModelName
    part: Claim
    profile: Claim
    dataset: Claim
    spec: Claim
    data_schema: Claim
    rows: Rows
    total_rows: Rows
    parts: Count
    quarantined_rows: Rows = 0
    quarantine_uri: ObjectUri | None = None
    problems: list[Problem] = Field(default_factory=list, max_length=MAX_PROBLEMS)
    unlabelled_rows: Rows = 0
    warnings: list[DataWarning] = Field(default_factory=list, max_length=MAX_WARNINGS)
    key: str


class Unchanged(StrEnum):
    """Why a dropped object changed nothing."""

    WAITS = "waits"
    KNOWN_ROWS = "known_rows"
    KNOWN_SPEC = "known_spec"
    REPLACED = "replaced"
    IGNORED = "ignored"
    CODE = "code"


class DatasetUnchanged(Payload, type="dataset.unchanged", subject="<model>", emitted_by=("ingest_data",)):
    """A dropped object changed nothing, or nothing yet; `fix` says what would, if anything."""

    model: str
    key: str
    reason: Unchanged
    message: str
    fix: str = ""


class DatasetRejected(Payload, type="dataset.rejected", subject="<model>", emitted_by=("ingest_data",)):
    """A dropped file was refused whole; it is kept where it was dropped."""

    model: str
    key: str
    reason: str
    problems: list[Problem]
    report_uri: ObjectUri | None = None
    rows: Rows = 0
    bad_rows: Rows = 0
