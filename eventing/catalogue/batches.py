"""Payloads about files that the champion scores."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from eventing.catalogue.base import Claim, ModelName, ObjectUri, Payload, Problem, Rows, Version
from eventing.catalogue.data import MAX_WARNINGS, DataWarning


class BatchProgressed(Payload, type="batch.progressed", subject="<model>", emitted_by=("score_batch",)):
    """A dropped file is being scored by `version`: `rows` so far, for `seconds`."""

    model: ModelName
    version: Version
    key: str
    rows: Rows
    seconds: float


class BatchCompleted(Payload, type="batch.completed", subject="<model>", emitted_by=("score_batch",)):
    """A dropped file was scored, all of it by `version`; `result` has a row for each of its rows, in order.

    The `bad_rows` among the `rows` have no prediction there, and their cells are in the report.
    """

    model: ModelName
    version: Version
    key: str
    result: Claim
    rows: Rows
    bad_rows: Rows = 0
    report_uri: ObjectUri | None = None
    warnings: list[DataWarning] = Field(default_factory=list, max_length=MAX_WARNINGS)
    seconds: float


class BatchFailed(Payload, type="batch.failed", subject="<model>", emitted_by=("score_batch",)):
    """A dropped file was not scored, and there is no result; `problems` names each place and its fix."""

    model: Annotated[str, Field(max_length=60)]
    version: Version | None = None
    key: str
    reason: str
    problems: list[Problem]
    report_uri: ObjectUri | None = None
    rows: Rows = 0
    bad_rows: Rows = 0
    seconds: float = 0.0
