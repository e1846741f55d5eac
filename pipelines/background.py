"""Some encoded rows of training data that a model carries: what its answers are explained against."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

MAX_ROWS = 50
MAX_CELLS = 1 << 15
"""Of a wide model fewer rows are kept, so that its file does not grow by more than some 170 kB."""


def sample(matrix: Matrix, rows: NDArray[np.int64], rng: np.random.Generator) -> Matrix:
    """Choose some of the given rows of an encoded matrix [N, width], at least one."""
    count = max(1, min(MAX_ROWS, len(rows), MAX_CELLS // max(1, matrix.shape[1])))
    chosen = np.sort(rng.choice(rows, count, replace=False))
    return np.asarray(matrix[chosen], dtype=np.float32)


def to_json(rows: Matrix) -> dict[str, Any]:
    """Return the rows as JSON values: their bits, since JSON has no NaN."""
    return {"rows": len(rows), "float32": base64.b64encode(rows.astype("<f4").tobytes()).decode()}


def from_json(document: Any, width: int) -> Matrix:
    """Read what `to_json` wrote. Raises: ValueError, KeyError, TypeError: it is something else."""
    raw = base64.b64decode(document["float32"], validate=True)
    return np.frombuffer(raw, dtype="<f4").reshape(document["rows"], width).astype(np.float32)
