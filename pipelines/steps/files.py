"""The files that steps hand to one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

REQUEST = "request.json"
TABLE = "table.arrow"
EXTRACTED = "extracted.json"
SPEC = "model.yaml"
REGISTERED = "registered.onnx"
ADOPTED = "adopted.onnx"
CHECKED = "checked.json"
PREPARED = "prepared.json"
TRAIN_MATRIX = "train_matrix.npy"
TRAIN_TARGET = "train_target.npy"
TRAIN_ROWS = "train_rows.npy"
TRAIN_ORDER = "train_order.npy"
WINDOW_ROWS = "window_rows.npy"
FOLDS = "folds.npy"
HOLDOUT_MATRIX = "holdout_matrix.npy"
HOLDOUT_TARGET = "holdout_target.npy"
HOLDOUT_ROWS = "holdout_rows.npy"
HOLDOUT_HASHES = "holdout_hashes.npy"
HOLDOUT_POSITIONS = "holdout_places.npy"
HOLDOUT_AGES = "holdout_ages.npy"
HOLDOUT_KEPT = "holdout_kept.npy"
REFITTED = "refitted.json"
SKOPS = "model.skops"
ONNX = "model.onnx"
JUDGED = "judged.onnx"
CODE = "own_code.py"
REQUIREMENTS = "requirements.txt"
EXPECTED = "expected.npy"
EVALUATION = "evaluation.json"
PREDICTED = "predicted.npy"
SERVED = "served.npy"


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file with sorted keys; a value that JSON has no form for, such as NaN, is an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_json(value))


def to_json(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1).encode()


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_bytes())


def read_table(folder: Path) -> pa.Table:
    """Map the extracted table into memory; its pages are read as they are used."""
    with pa.memory_map(str(folder / TABLE)) as source:
        return pa.ipc.open_file(source).read_all()


def read_array(path: Path) -> NDArray[Any]:
    """Map an array into memory, read-only."""
    return np.asarray(np.load(path, mmap_mode="r"))
