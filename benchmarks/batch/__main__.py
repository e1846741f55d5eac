"""Measure batch prediction beside its floors: `python -m benchmarks.batch` (ten million rows, ten minutes).

A Parquet file of eight numbers, two categories and a key is made on the spot, and scored by a logistic
regression or boosted trees. One after the other, each in a process of its own:

- dropped: the file put into `batch/` of a system of its own, whose champion scores it in a job: from the end
  of the upload until the result's event is in the ledger; memory and CPU are those of the job;
- scoring: what that job does between the object store's streams: unpack, read, encode, score, write;
- onnxruntime: the same file read by row groups, encoded and scored without a check; nothing is written;
- graph: the same graph over rows that are encoded already, and nothing else;
- pandas: the file read by row groups, and scikit-learn's `predict_proba` on them; nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.batch.rows import (
    CATEGORIES,
    CLASSES,
    ENCODING,
    GROUP,
    KEY,
    NUMBERS,
    TARGET,
    labelled,
    make_file,
    rows,
)
from benchmarks.idle.processes import peak_mb
from functions.data_files.object_keys import DataFile, Format
from functions.score_batch.champion import LoadedChampion, loaded
from functions.score_batch.score_file import score_file
from functions.score_batch.settings import Settings
from pipelines.onnx_graph import UNTRUSTED, Scorer, convert, with_metadata
from pipelines.spec import ModelSpec
from pipelines.tables import encode_table

DROPPED = "dropped"


def make_model(folder: Path, estimator: str) -> None:
    """Train a model, and write it as ONNX and as scikit-learn's own."""
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    _, matrix, places = labelled()
    made = {"linear": LogisticRegression(max_iter=500), "trees": HistGradientBoostingClassifier()}[estimator]
    made.fit(matrix, places)
    card = {"model": "bench", "version": 1, "task": "classification", "target": TARGET, "classes": CLASSES}
    raw = convert(made, ENCODING.width, classifies=True)
    (folder / "model.onnx").write_bytes(with_metadata(raw, {**card, "encoding": ENCODING.to_json()}))
    skops.io.dump(made, folder / "model.skops")


def scoring(folder: Path, path: Path) -> None:
    """Score the file as the job does."""
    champion: LoadedChampion = loaded((folder / "model.onnx").read_bytes(), 1)
    spec = ModelSpec(model="bench", target=TARGET, entity=KEY)
    settings = Settings(path, "unused", folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, path.open("rb") as stream:
        file = DataFile("bench", Format.PARQUET)
        score_file(stream, file, champion, spec, settings, Path(scratch), lambda rows: None)


def onnxruntime(folder: Path, path: Path) -> None:
    """Read the same rows, encode them in the plainest way, and score them."""
    scorer = Scorer((folder / "model.onnx").read_bytes(), UNTRUSTED)
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        blocks = [table.column(name).to_numpy().reshape(-1, 1) for name in NUMBERS]
        for name, known in CATEGORIES.items():
            codes = pc.index_in(table.column(name), pa.array(known)).to_numpy()
            blocks.append(codes[:, None] == np.arange(len(known)))
        scorer.outputs(["label", "probabilities"], np.hstack(blocks).astype(np.float32))


def graph(folder: Path, path: Path) -> None:
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
        for name, known in CATEGORIES.items():
            frame[name] = pd.Categorical(frame[name], known)
        encoded = pd.get_dummies(frame.drop(columns=KEY), columns=list(CATEGORIES), dtype=np.float32)
        model.predict_proba(encoded.to_numpy(np.float32))


ALONE: dict[str, Callable[[Path, Path], None]] = {
    each.__name__: each for each in (scoring, onnxruntime, graph, pandas)
}


def measure(name: str, estimator: str, folder: Path, path: Path) -> dict[str, float]:
    """Run one of them in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.batch", "--only", name, "--estimators", estimator]
    command += ["--folder", str(folder), "--file", str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run_one(name: str, estimator: str, folder: Path, path: Path) -> dict[str, float]:
    """Run one of them here."""
    if name == DROPPED:
        from benchmarks.batch.dropped import score_dropped

        return score_dropped(folder, path, estimator)
    pa.set_cpu_count(1)
    began, cpu = time.monotonic(), time.process_time()
    ALONE[name](folder, path)
    seconds = time.monotonic() - began
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "peak": peak_mb()}


def main() -> None:
    """Make the file and the models, and print a row for each of what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--estimators", nargs="+", default=["linear"], choices=["linear", "trees"])
    parser.add_argument("--only", choices=[DROPPED, *ALONE])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_one(options.only, options.estimators[0], options.folder, options.file)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "rows.parquet"
        make_file(path, options.rows)
        print(f"{options.rows} rows, {path.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores")
        print("| model | | rows/s | rows per CPU second | peak MB |\n| --- | --- | --- | --- | --- |")
        for estimator in options.estimators:
            make_model(folder, estimator)
            for name in (DROPPED, *ALONE):
                found = measure(name, estimator, folder, path)
                speed, each = options.rows / found["seconds"], options.rows / found["cpu"]
                cells = f"{estimator} | {name} | {speed:,.0f} | {each:,.0f} | {found['peak']:.0f}"
                store = f", object store {found['store_peak']:.0f}" if "store_peak" in found else ""
                print(f"| {cells}{store} |", flush=True)


if __name__ == "__main__":
    main()
