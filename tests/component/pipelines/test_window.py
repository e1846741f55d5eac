"""A training chooses how much of the past it learns from, by the newest rows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.training import put_dataset, train

from eventing.event import Event
from eventing.store import MemoryStore
from pipelines import layout
from pipelines.announcement import completed
from pipelines.card import Card
from pipelines.onnx_graph import UNTRUSTED, Scorer
from pipelines.steps import files
from pipelines.windows import newest_rows

KINDS = {"x": "number", "z": "number", "kind": "category"}
SPEC = (
    "model: churn\ntarget: kind\ntrain: {candidates: [{estimator: logistic_regression, grid: {C: [1]}}]%s}\n"
)


def rows(count: int, *, sign: float, seed: int) -> pa.Table:
    """Draw rows whose class is the sign of x, or its opposite."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    kind = np.where(sign * x + rng.normal(0, 0.3, count) > 0, "up", "down")
    return pa.table({"x": x, "z": rng.normal(size=count), "kind": kind})


def version(folder: Path, parts: list[pa.Table], window: str = "") -> tuple[Card, MemoryStore]:
    store = MemoryStore()
    return train(store, put_dataset(store, parts, KINDS, SPEC % window), folder), store


def test_after_a_change_only_the_rows_since_are_learnt_from(tmp_path: Path) -> None:
    card, store = version(tmp_path, [rows(1_500, sign=1, seed=0), rows(700, sign=-1, seed=1)])
    window = card.data.window
    assert window is not None
    assert 500 <= window.rows <= 600  # some 560 of the 700 rows since the change are not held
    assert window.of == 2_200 - int(np.load(tmp_path / "prepared" / "holdout_rows.npy").size)
    assert window.newest == newest_rows(window.of, window.of - window.rows)
    assert window.reason.startswith("clearly better")
    assert window.reason.endswith(f"changed {window.rows} rows ago")
    losses = {each.rows: each.loss for each in window.tried}
    assert losses[window.rows] < 0.2 < losses[window.of]
    assert card.data.split.train_rows == window.rows
    holdout = pq.read_table(io.BytesIO(store.get(card.files["holdout.parquet"].uri)))
    x, kind = holdout["x"].to_numpy(), np.array(holdout["kind"].to_pylist())
    assert np.mean((x > 0) == (kind == "down")) > 0.8  # rows of after the change alone judge the version
    assert card.evaluation.metrics["accuracy"] > 0.8


def test_the_newest_rows_judge_a_version_and_then_teach_it(tmp_path: Path) -> None:
    card, store = version(tmp_path, [rows(1_500, sign=1, seed=0), rows(700, sign=-1, seed=1)])
    assert (card.data.split.by, card.data.split.learnt_through) == ("arrival", "2199")
    kept = np.load(tmp_path / "refitted" / files.HOLDOUT_KEPT)
    matrix = np.load(tmp_path / "prepared" / files.HOLDOUT_MATRIX)[kept]
    target = np.load(tmp_path / "prepared" / files.HOLDOUT_TARGET)[kept]
    judged, served = (
        Scorer(store.get(card.files[name].uri), UNTRUSTED).score(matrix)
        for name in (layout.JUDGED, layout.ONNX)
    )
    assert np.mean(judged.argmax(axis=1) == target) == pytest.approx(card.evaluation.metrics["accuracy"])
    assert np.abs(judged - served).max() > 0.001


def test_without_a_change_all_rows_are_learnt_from(tmp_path: Path) -> None:
    card, _ = version(tmp_path, [rows(2_200, sign=1, seed=0)])
    assert card.data.window is not None
    assert card.data.window.rows == card.data.window.of
    assert len(card.data.window.tried) > 1
    assert card.data.split.train_rows == card.data.window.of
    assert card.data.split.by == "row"
    assert layout.JUDGED not in card.files, "no version learns from these rows, so all can be compared"


@pytest.mark.parametrize("window", ["all", "2", "{rows: 900}"])
def test_a_window_that_model_yaml_names_is_used_as_it_is(tmp_path: Path, window: str) -> None:
    parts = [rows(1_500, sign=1, seed=0), rows(700, sign=-1, seed=1)]
    card, _ = version(tmp_path, parts, f", window: {window}")
    assert card.data.window is not None
    assert card.data.window.rows == card.data.window.of
    assert card.data.window.reason == "train.window in model.yaml"


def test_rows_go_by_their_timestamp_whatever_the_order_of_their_arrival(tmp_path: Path) -> None:
    old, new = rows(1_500, sign=1, seed=0), rows(700, sign=-1, seed=1)
    table = pa.concat_tables([new, old])
    hours = np.concatenate([np.arange(1_500, 2_200), np.arange(1_500)])
    times = np.datetime64("2026-01-01") + hours.astype("timedelta64[h]")
    times = times.astype("datetime64[us]")
    store = MemoryStore()
    spec = SPEC % "" + "timestamp: seen_at\n"
    kinds = {**KINDS, "seen_at": "datetime"}
    request = put_dataset(store, [table.append_column("seen_at", pa.array(times))], kinds, spec)
    card = train(store, request, tmp_path)
    assert card.data.window is not None
    assert card.data.window.rows < card.data.window.of
    assert card.evaluation.metrics["accuracy"] > 0.8


def test_the_choice_is_in_what_the_run_announces(tmp_path: Path) -> None:
    store = MemoryStore()
    request = put_dataset(store, [rows(600, sign=1, seed=0)], KINDS, SPEC % "")
    card = train(store, request, tmp_path)
    claim = store.put("s3://models/churn/v1/card.json", card.to_json())
    event = completed(request, Event("1", "/me", "dev.kascade.training.approved"), card, claim)
    assert card.data.window is not None
    assert event.data is not None
    assert event.data["window"] == card.data.window.model_dump(mode="json")
