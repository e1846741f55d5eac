"""Step 8: hold ONNX against scikit-learn, write the version's files, last the card that completes them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from eventing.store import Store, StoreUnavailable
from pipelines import background, layout, parity
from pipelines.card import Card
from pipelines.code import code_digest, environment
from pipelines.encoding import Encoding
from pipelines.errors import TransientError
from pipelines.onnx_graph import with_metadata
from pipelines.request import RunRequest
from pipelines.spec import ModelSpec, spec_digest
from pipelines.steps import files
from pipelines.steps.extract import read_spec
from pipelines.steps.ranges import ranges_of
from pipelines.steps.select import failures
from pipelines.tables import times
from pipelines.target import usable_rows

REFERENCE_ROWS = 10_000
MLSERVER_SETTINGS = {
    "name": "kascade",
    "implementation": "functions.serve_model.mlserver_runtime.Kascade",
    "parameters": {"uri": f"./{layout.ONNX}"},
}
"""Seldon's agent gives it the name of the Model, and the Model's parameters."""


def export(
    store: Store,
    folders: Mapping[str, Path],
    results: Sequence[dict[str, Any]],
    *,
    started: datetime,
    now: datetime,
) -> Card:
    """Check parity, write every file of the version under its `output`, and return its card.

    Args:
        folders: of `extracted`, `prepared`, `refitted` and `evaluated`.
        results: of every experiment.

    Raises:
        StepError: ONNX and scikit-learn differ beyond the limits.
        TransientError: the store does not answer.
    """
    request = RunRequest.from_parameters(files.read_json(folders["extracted"] / files.REQUEST))
    facts = files.read_json(folders["prepared"] / files.PREPARED)
    evaluation = files.read_json(folders["evaluated"] / files.EVALUATION)
    found = _parity(folders, facts)
    if found is not None:
        parity.require(found)
    spec = read_spec((folders["extracted"] / files.SPEC).read_bytes(), request.model)
    lookup = files.read_json(folders["extracted"] / files.EXTRACTED).get("lookup")
    ranges = ranges_of(_trained_rows(folders, spec), facts["features"])
    raw = with_metadata(
        (folders["refitted"] / files.ONNX).read_bytes(),
        _metadata(request, spec, facts, evaluation, lookup)
        | {"ranges": ranges, "background": _background(folders, facts)},
    )
    contents = {
        layout.ONNX: raw,
        layout.REFERENCE: _reference(folders, spec, facts),
        layout.HOLDOUT: _holdout(folders, spec),
        layout.METRICS: files.to_json(evaluation),
        layout.ENVIRONMENT: (
            files.read_json(folders["refitted"] / files.REFITTED).get("environment") or environment()
        ).encode(),
        layout.MLSERVER: files.to_json(MLSERVER_SETTINGS),
    }
    skops, judged = folders["refitted"] / files.SKOPS, folders["refitted"] / files.JUDGED
    if skops.exists():  # a registered model has none, nor has one of the owner's code
        contents[layout.SKOPS] = skops.read_bytes()
    if judged.exists():
        about = _metadata(request, spec, facts, evaluation, lookup)
        contents[layout.JUDGED] = with_metadata(judged.read_bytes(), about)
    try:
        claims = {name: store.put(f"{request.output}/{name}", data) for name, data in contents.items()}
        made = {
            "parity": found.to_json() if found is not None else None,
            "started": started.isoformat(),
            "finished": now.isoformat(),
            "seconds": round((now - started).total_seconds(), 3),
        }
        about = _card(request, spec, folders, facts, evaluation, results)
        if request.registered is not None:
            about["registered"] = request.registered.model_dump(mode="json")
        card = Card.model_validate(about | made | {"files": claims})
        store.put(f"{request.output}/{layout.CARD}", card.to_json())
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error
    return card


def _parity(folders: Mapping[str, Path], facts: Mapping[str, Any]) -> parity.Parity | None:
    """Compare the graph with the estimator; None where the owner's code gave a graph and no estimator."""
    if not (folders["refitted"] / files.EXPECTED).exists():
        return None
    expected = np.load(folders["refitted"] / files.EXPECTED)
    predicted = np.load(folders["evaluated"] / files.SERVED)
    if facts["classes"] is not None:
        return parity.compare(expected, predicted)
    scaled = Encoding.from_json(facts["encoding"]).answer.apply(predicted)
    return parity.compare(expected, scaled, parity.spread_of(expected))


def _metadata(
    request: RunRequest,
    spec: ModelSpec,
    facts: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    lookup: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "model": request.model,
        "version": request.version,
        "task": facts["task"],
        "target": facts["target"],
        "entity": spec.entity,
        "classes": facts["classes"],
        "encoding": facts["encoding"],
        "metric": evaluation["metric"],
        "metrics": evaluation["metrics"],
        "dataset_digest": request.dataset.sha256,
        **({"lookup": lookup} if lookup else {}),
        **({"labels_randomised": spec.labels.randomised} if spec.labels.randomised else {}),
    }


def _background(folders: Mapping[str, Path], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return some encoded rows of those that the version learnt from, to explain its answers against."""
    matrix = files.read_array(folders["prepared"] / files.TRAIN_MATRIX)
    rows = np.load(folders["refitted"] / files.WINDOW_ROWS)
    rng = np.random.default_rng(facts["seed"])
    return background.to_json(background.sample(matrix, rows, rng))


def _trained_rows(folders: Mapping[str, Path], spec: ModelSpec) -> pa.Table:
    """Return the rows that the version learnt from."""
    fitted = np.load(folders["prepared"] / files.TRAIN_ROWS)
    fitted = fitted[np.load(folders["refitted"] / files.WINDOW_ROWS)]
    if (folders["refitted"] / files.JUDGED).exists():
        fitted = np.concatenate([fitted, _held(folders)])
    return usable_rows(files.read_table(folders["extracted"]), spec.target).take(pa.array(fitted))


def _held(folders: Mapping[str, Path]) -> NDArray[np.int64]:
    """Return the rows of the holdout by which the version was judged."""
    kept = np.load(folders["refitted"] / files.HOLDOUT_KEPT)
    return np.asarray(np.load(folders["prepared"] / files.HOLDOUT_ROWS)[kept])


def _reference(folders: Mapping[str, Path], spec: ModelSpec, facts: Mapping[str, Any]) -> bytes:
    """Sample what the version was made from: raw features, target and score, at most REFERENCE_ROWS rows.

    First come rows of training, without a score, then those of the holdout, of up to half the sample.
    """
    rng = np.random.default_rng(facts["seed"])
    held = _held(folders)
    kept = _some(len(held), REFERENCE_ROWS // 2, rng)
    fitted = np.load(folders["prepared"] / files.TRAIN_ROWS)
    fitted = fitted[np.load(folders["refitted"] / files.WINDOW_ROWS)]
    fitted = fitted[_some(len(fitted), REFERENCE_ROWS - len(kept), rng)]
    scores = score_of(np.load(folders["evaluated"] / files.PREDICTED)[kept])
    rows = np.concatenate([fitted, held[kept]])
    table = usable_rows(files.read_table(folders["extracted"]), spec.target).take(pa.array(rows))
    wanted = [name for name, _ in facts["features"]] + [spec.target]
    column = pa.concat_arrays([pa.nulls(len(fitted), pa.float64()), pa.array(scores, pa.float64())])
    return _parquet(table.select(wanted).append_column(layout.SCORE, column))


def _some(rows: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose so many of some rows, in their order."""
    return np.sort(rng.choice(rows, most, replace=False)) if rows > most else np.arange(rows)


def score_of(predicted: NDArray[Any]) -> NDArray[np.float64]:
    """Return one number per row [N]: see `layout.SCORE`."""
    if predicted.ndim == 1:
        return predicted.astype(np.float64)
    column = predicted[:, 1] if predicted.shape[1] == 2 else predicted.max(axis=1)
    return column.astype(np.float64)


def _holdout(folders: Mapping[str, Path], spec: ModelSpec) -> bytes:
    """Keep the holdout's rows with every column: features, target, slices, entity and timestamp."""
    kept, rows = np.load(folders["refitted"] / files.HOLDOUT_KEPT), _held(folders)
    table = usable_rows(files.read_table(folders["extracted"]), spec.target).take(pa.array(rows))
    hashes = folders["prepared"] / files.HOLDOUT_HASHES
    if hashes.exists():
        table = table.append_column(layout.ROW, pa.array(np.load(hashes)[kept]))
    positions = folders["prepared"] / files.HOLDOUT_POSITIONS
    if positions.exists():
        table = table.append_column(layout.PLACE, pa.array(np.load(positions)[kept]))
    return _parquet(table)


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _learnt_through(folders: Mapping[str, Path], spec: ModelSpec, facts: Mapping[str, Any]) -> str | None:
    """Return the place, or the moment, of the newest row, if the version learnt from its holdout too."""
    if not (folders["refitted"] / files.JUDGED).exists():
        return None
    if facts["split"]["by"] == "arrival":
        kept = np.load(folders["refitted"] / files.HOLDOUT_KEPT)
        return str(int(np.load(folders["prepared"] / files.HOLDOUT_POSITIONS)[kept].max()))
    table = usable_rows(files.read_table(folders["extracted"]), spec.target)
    held = times(table.column(spec.timestamp or "").take(pa.array(_held(folders))))
    return f"{held.max()}Z"


def _card(
    request: RunRequest,
    spec: ModelSpec,
    folders: Mapping[str, Path],
    facts: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    results: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    extracted = files.read_json(folders["extracted"] / files.EXTRACTED)
    refitted = files.read_json(folders["refitted"] / files.REFITTED)
    return {
        "model": request.model,
        "version": request.version,
        "run_id": request.run_id,
        "task": facts["task"],
        "target": spec.target,
        "classes": facts["classes"],
        "features": facts["features"],
        "forms": facts.get("forms", {}),
        "views": extracted.get("views", []),
        "expressions": extracted.get("expressions", {}),
        "columns": facts["width"],
        "data": {
            "dataset": request.dataset,
            "schema": request.data_schema,
            "parts": extracted["parts"],
            "parts_in_dataset": extracted["parts_in_dataset"],
            "rows": extracted["rows"],
            "split": {
                **facts["split"],
                **({"train_rows": refitted["window"]["rows"]} if refitted["window"] else {}),
                "holdout_rows": evaluation["rows"],
                "learnt_through": _learnt_through(folders, spec, facts),
                "dataset_rows": extracted.get("rows_before", 0) + extracted["rows"],
            },
            "window": refitted["window"],
        },
        "spec": {**request.spec.model_dump(), "digest": spec_digest(spec, request.code)},
        "own_code": request.code,
        "randomised": spec.labels.randomised,
        "code_digest": code_digest(),
        "seed": facts["seed"],
        "class_weight": "balanced" if facts["balanced"] else "none",
        "chosen": refitted["chosen"],
        "experiments": list(results),
        "evaluation": evaluation,
        "warnings": [
            *facts["warnings"],
            *(f"an experiment failed: {why}" for why in failures(results)),
            *refitted["warnings"],
        ],
    }
