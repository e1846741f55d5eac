"""A stored model, and what it predicts for a table of holdout rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from eventing.catalogue import Claim
from eventing.store import DigestMismatch, ObjectMissing, RequestRefused, Store
from pipelines.encoding import Encoding, EncodingError
from pipelines.errors import StepError
from pipelines.metrics import Task
from pipelines.model_file import MAX_BYTES
from pipelines.onnx_graph import UNTRUSTED, Scorer
from pipelines.tables import canonical, encode_table, numbers
from pipelines.target import class_indices


class Unusable(Exception):
    """A file of a version is missing, is not what was promised, or cannot be used; the message says how."""


@dataclass(frozen=True)
class StoredModel:
    """A model as it will serve: its graph, and what it says of itself."""

    name: str
    version: int
    task: Task
    target: str
    classes: list[Any] | None
    metric: str
    encoding: Encoding
    scorer: Scorer

    def truth(self, table: pa.Table) -> NDArray[Any]:
        """Return the target as this model counts it: class indices [N], -1 for an unknown one; or numbers."""
        column = table.column(self.target)
        return numbers(column) if self.classes is None else class_indices(column, self.classes)

    def predict(self, table: pa.Table) -> NDArray[Any]:
        """Return probabilities [N, classes], or numbers [N].

        Raises:
            Unusable: the table lacks a feature, or its values do not fit.
        """
        features = [feature for feature in self.encoding.features if feature.used]
        missing = [feature.name for feature in features if feature.name not in table.column_names]
        if missing:
            raise Unusable(f"the holdout has no column {', '.join(missing[:5])}")
        try:
            kept = {
                feature.name: canonical(table.column(feature.name), feature.kind, feature.name)  # type: ignore[arg-type]
                for feature in features
            }
            scores = self.scorer.score(encode_table(self.encoding, pa.table(kept)))
        except (StepError, EncodingError) as error:
            raise Unusable(str(error)) from error
        expected = (table.num_rows,) if self.classes is None else (table.num_rows, len(self.classes))
        if scores.shape != expected:
            raise Unusable(f"it answers {table.num_rows} rows with {scores.shape} numbers, not {expected}")
        return scores if self.classes is not None else self.encoding.answers(scores)


class _About(BaseModel):
    """What a model file says of itself, as far as a judgement needs it."""

    model_config = ConfigDict(strict=True)

    model: str
    version: int
    task: Task
    target: str
    classes: list[bool | int | float | str] | None
    metric: str
    encoding: dict[str, Any]


def fetch(store: Store, claim: Claim) -> bytes:
    """Return a file whose digest is verified.

    Raises:
        Unusable: it is missing, too large, or has another digest.
    """
    try:
        size = store.head(claim.uri).size
        if size > MAX_BYTES:
            raise Unusable(f"{claim.uri} has {size} bytes, at most {MAX_BYTES} are read")
        return store.get(claim.uri, claim.sha256)
    except (ObjectMissing, DigestMismatch, RequestRefused) as error:
        raise Unusable(str(error)) from error


def load_model(store: Store, claim: Claim) -> StoredModel:
    """Load a model file.

    Raises:
        Unusable: it is missing, changed, refused for what it holds, or no model of ours.
    """
    try:
        scorer = Scorer(fetch(store, claim), UNTRUSTED)
    except StepError as error:
        raise Unusable(f"{claim.uri}: {error}") from error
    try:
        about = _About.model_validate(scorer.metadata())
        encoding = Encoding.from_json(about.encoding)
    except Exception as error:  # what it says of itself may be any JSON
        raise Unusable(f"{claim.uri} does not say what it predicts: {error!r}") from error
    return StoredModel(
        name=about.model,
        version=about.version,
        task=about.task,
        target=about.target,
        classes=about.classes,
        metric=about.metric,
        encoding=encoding,
        scorer=scorer,
    )


def aligned(prediction: NDArray[Any], theirs: list[Any] | None, ours: list[Any] | None) -> NDArray[Any]:
    """Return probabilities [N, ours] in the order of our classes; one that they do not know has 0."""
    if theirs is None or ours is None or theirs == ours:
        return prediction
    found = np.zeros((len(prediction), len(ours)), dtype=prediction.dtype)
    for index, name in enumerate(ours):
        if name in theirs:
            found[:, index] = prediction[:, theirs.index(name)]
    return found
