"""Marks single predictions whose inputs are unlike the training data, where a model's spec asks for it.

The detectors are alibi-detect's (Business Source License 1.1, see README). Each is fitted to the version's
own reference data, once in a process; the threshold lets the spec's share of those data be marked.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import Store
from functions.inferences.log import INPUT
from pipelines.encoding.plain import Floats, Frequent, Standard
from pipelines.layout import SCORE
from pipelines.spec import ModelSpec
from pipelines.values.reading import NotRead, read_label, read_number

INSTALL = "pip install 'kascade[log-inferences,drift]'"
_log = logging.getLogger("kascade.log_inferences")


@dataclass(frozen=True)
class _Numeric:
    """How rows become numbers."""

    numbers: dict[str, Standard]
    categories: dict[str, Frequent]

    def matrix(self, columns: dict[str, list[Any]], rows: int) -> Floats:
        """Return [rows, k]."""
        blocks: list[Floats] = []
        for name, scale in self.numbers.items():
            values = np.array([_number(value) for value in columns.get(name, [None] * rows)])
            blocks.append(scale.encode(values))
        for name, frequent in self.categories.items():
            texts = [_text(value) for value in columns.get(name, [None] * rows)]
            blocks.append(frequent.encode(texts))
        return np.column_stack(blocks) if blocks else np.zeros((rows, 0))


@dataclass(frozen=True)
class _Fitted:
    numeric: _Numeric
    score: Callable[[Floats], Floats]
    threshold: float


class Outliers:
    """The detectors of the versions that this process has seen."""

    def __init__(self) -> None:
        self._fitted: dict[tuple[str, str, float], _Fitted | None] = {}

    def mark(self, table: pa.Table, store: Store, reference: Claim, spec: ModelSpec) -> pa.Table:
        """Fill `outlier` and `outlier_score`; leave them empty where the detector cannot run.

        Raises: eventing.store.StoreUnavailable.
        """
        key = (reference.sha256, spec.outliers.detector or "", spec.outliers.share)
        if key not in self._fitted:
            self._fitted[key] = self._fit(store, reference, spec)
        fitted = self._fitted[key]
        if fitted is None:
            return table
        columns = {
            name.removeprefix(INPUT): table.column(name).to_pylist()
            for name in table.column_names
            if name.startswith(INPUT)
        }
        scores = fitted.score(fitted.numeric.matrix(columns, table.num_rows))
        marked = {"outlier": pa.array(scores > fitted.threshold), "outlier_score": pa.array(scores)}
        for name, values in marked.items():
            table = table.set_column(table.schema.get_field_index(name), name, values)
        return table

    def _fit(self, store: Store, reference: Claim, spec: ModelSpec) -> _Fitted | None:
        if importlib.util.find_spec("alibi_detect") is None:
            _log.warning("outliers of %s are not marked: alibi-detect is missing: %s", spec.model, INSTALL)
            return None
        table = pq.read_table(io.BytesIO(store.get(reference.uri, sha256=reference.sha256)))
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        for name in (spec.target, SCORE):
            columns.pop(name, None)
        numeric = _numeric_of(columns)
        matrix = numeric.matrix(columns, table.num_rows)
        if not matrix.shape[1] or not matrix.shape[0]:
            _log.warning("outliers of %s are not marked: it has no numbers or categories", spec.model)
            return None
        score = DETECTORS[spec.outliers.detector or ""](matrix)
        return _Fitted(numeric, score, float(np.quantile(score(matrix), 1 - spec.outliers.share)))


def _isolation_forest(matrix: Floats) -> Callable[[Floats], Floats]:
    detector = importlib.import_module("alibi_detect.od").IForest(n_estimators=100)
    detector.isolationforest.set_params(random_state=0)
    detector.fit(matrix)
    return lambda rows: np.asarray(detector.score(rows), dtype=np.float64)


DETECTORS = {"isolation_forest": _isolation_forest}
"""By the name that model.yaml's `outliers.detector` gives; `pipelines.spec.detectors` lists the names too."""


def _numeric_of(columns: dict[str, list[Any]]) -> _Numeric:
    numbers: dict[str, Standard] = {}
    categories: dict[str, Frequent] = {}
    for name, values in columns.items():
        known = [value for value in values if value is not None]
        if known and all(isinstance(value, int | float) for value in known):
            found = np.array([float(value) for value in known])
            found = found[np.isfinite(found)]
            if len(found):
                numbers[name] = Standard.of(found)
        elif known:
            categories[name] = Frequent.of(label for label in map(_text, known) if label is not None)
    return _Numeric(numbers, categories)


def _number(value: object) -> float:
    try:
        read = read_number(value)
        found = float("nan") if read is None else float(read)
    except (NotRead, OverflowError):
        return float("nan")
    return found if np.isfinite(found) else float("nan")


def _text(value: object) -> str | None:
    try:
        return read_label(value)
    except NotRead:
        return str(value)
