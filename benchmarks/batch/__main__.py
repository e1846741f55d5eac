"""Measure batch prediction beside its floors: `python -m benchmarks.batch` (ten million rows, some minutes).

A Parquet file of eight numbers, two categories and a key is made on the spot, and scored by a logistic
regression or boosted trees, each in a process of its own:

- kascade: what the job does between the object store's streams: unpack, read, encode, score, write;
- onnxruntime: the same graph over rows that are encoded already, in the same blocks, and nothing else;
- pandas: the file read by row groups, and scikit-learn's `predict_proba` on them, nothing written.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from functions.data_files.object_keys import DataFile, Format
from functions.score_batch.champion import LoadedChampion, loaded
from functions.score_batch.score_file import score_file
from functions.score_batch.settings import Settings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Number
from pipelines.onnx_graph import UNTRUSTED, Scorer, convert, with_metadata
from pipelines.spec import ModelSpec
from pipelines.tables import encode_table

NUMBERS = tuple(f"x{n}" for n in range(8))
COUNTRIES, PLANS = ("AT", "BE", "DE", "FR", "NL"), ("basic", "extra", "pro")
ENCODING = Encoding(
    (
        *(Feature(name, "number", Number()) for name in NUMBERS),
        Feature("country", "category", OneHot(COUNTRIES, missing=False)),
        Feature("plan", "category", OneHot(PLANS, missing=False)),
    )
)
GROUP = 100_000
TRAINED_ON = 20_000


def rows(count: int, first: int) -> pa.Table:
    """Return some rows of the file."""
    rng = np.random.default_rng(first)
    columns: dict[str, Any] = {"customer": np.arange(first, first + count)}
    columns |= {name: rng.normal(size=count) for name in NUMBERS}
    for name, values in (("country", COUNTRIES), ("plan", PLANS)):
        codes = pa.array(rng.integers(0, len(values), count).astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, list(values)).dictionary_decode()
    return pa.table(columns)


def make_file(path: Path, count: int) -> None:
    """Write the file, a row group at a time."""
    with pq.ParquetWriter(path, rows(1, 0).schema) as writer:
        for first in range(0, count, GROUP):
            writer.write_table(rows(min(GROUP, count - first), first), row_group_size=GROUP)


def make_model(folder: Path, estimator: str) -> None:
    """Train a model, and write it as ONNX and as scikit-learn's own."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    table = rows(TRAINED_ON, 10**12)
    matrix = encode_table(ENCODING, table)
    noise = np.random.default_rng(0).normal(size=len(matrix))
    target = (matrix[:, 0] + matrix[:, 1] * matrix[:, 8] + noise > 0).astype(int)
    made = {"linear": LogisticRegression(max_iter=500), "trees": HistGradientBoostingClassifier()}[estimator]
    made.fit(matrix, target)
    card = {"model": "bench", "version": 1, "task": "classification", "target": "y", "classes": ["no", "yes"]}
    raw = convert(made, ENCODING.width, classifies=True)
    (folder / "model.onnx").write_bytes(with_metadata(raw, {**card, "encoding": ENCODING.to_json()}))
    skops.io.dump(made, folder / "model.skops")


def kascade(folder: Path, path: Path) -> None:
    """Score the file as the job does."""
    champion: LoadedChampion = loaded((folder / "model.onnx").read_bytes(), 1)
    spec = ModelSpec(model="bench", target="y", entity="customer")
    settings = Settings(path, "unused", folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, path.open("rb") as stream:
        file = DataFile("bench", Format.PARQUET)
        score_file(stream, file, champion, spec, settings, Path(scratch), lambda rows: None)


def onnxruntime(folder: Path, path: Path) -> None:
    """Score as many encoded rows, the same block again and again."""
    scorer = Scorer((folder / "model.onnx").read_bytes(), UNTRUSTED)
    block = encode_table(ENCODING, rows(GROUP, 0))
    for _ in range(pq.ParquetFile(path).metadata.num_rows // GROUP):
        scorer.outputs(["label", "probabilities"], block)


def pandas(folder: Path, path: Path) -> None:
    """Read and score with pandas and scikit-learn."""
    import pandas as pd
    import skops.io

    path_of_model = folder / "model.skops"
    model = skops.io.load(path_of_model, trusted=skops.io.get_untrusted_types(file=path_of_model))
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        frame = file.read_row_group(group).to_pandas()
        frame["country"] = pd.Categorical(frame["country"], COUNTRIES)
        frame["plan"] = pd.Categorical(frame["plan"], PLANS)
        encoded = pd.get_dummies(
            frame.drop(columns="customer"), columns=["country", "plan"], dtype=np.float32
        )
        model.predict_proba(encoded.to_numpy(np.float32))


MEASURED: dict[str, Callable[[Path, Path], None]] = {
    "kascade": kascade,
    "onnxruntime": onnxruntime,
    "pandas": pandas,
}


def measure(name: str, folder: Path, path: Path) -> dict[str, float]:
    """Run one of them in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.batch", "--only", name, "--folder", str(folder)]
    done = subprocess.run([*command, "--file", str(path)], check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Make the file and the models, and print a row for each of what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--estimators", nargs="+", default=["linear"], choices=["linear", "trees"])
    parser.add_argument("--only", choices=MEASURED)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.only:
        pa.set_cpu_count(1)
        began, cpu = time.monotonic(), time.process_time()
        MEASURED[options.only](options.folder, options.file)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = time.monotonic() - began
        print(json.dumps({"seconds": seconds, "cpu": time.process_time() - cpu, "peak": peak}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "rows.parquet"
        make_file(path, options.rows)
        print(f"{options.rows} rows, {path.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores")
        print("| model | | rows/s | rows per CPU second | peak MB |\n| --- | --- | --- | --- | --- |")
        for estimator in options.estimators:
            make_model(folder, estimator)
            for name in MEASURED:
                found = measure(name, folder, path)
                speed, each = options.rows / found["seconds"], options.rows / found["cpu"]
                print(
                    f"| {estimator} | {name} | {speed:,.0f} | {each:,.0f} | {found['peak']:.0f} |", flush=True
                )


if __name__ == "__main__":
    main()
