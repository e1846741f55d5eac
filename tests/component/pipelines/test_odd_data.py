"""Odd data still becomes a model, in bounded time."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.serve_model.model import load
from pipelines import layout

from .conftest import version

pytestmark = pytest.mark.slow


def odd(name: str) -> tuple[pa.Table, dict[str, str]]:
    rng = np.random.default_rng(0)
    rows = 240
    x = rng.normal(size=rows)
    y = x + rng.normal(0, 0.7, rows) > 0
    labels = pa.array([["nein", "ja"][int(v)] for v in y])
    if name == "empty columns of every kind":
        empty = {
            "z": pa.float64(),
            "c": pa.string(),
            "b": pa.bool_(),
            "d": pa.timestamp("us"),
            "t": pa.string(),
        }
        kinds = {"z": "number", "c": "category", "b": "boolean", "d": "datetime", "t": "text"}
        columns = {key: pa.nulls(rows, type_) for key, type_ in empty.items()}
        return pa.table({"x": x, **columns, "y": labels}), {"x": "number", **kinds, "y": "category"}
    if name == "unicode names and values":
        names = ["größe (µ) 'x\"", "日本/naïve"]
        table = pa.table({names[0]: x, names[1]: ["é", "🎉"] * (rows // 2), "y": labels})
        return table, {names[0]: "number", names[1]: "category", "y": "category"}
    if name == "a class of one row":
        return pa.table({"x": x, "y": ["rare", *labels.to_pylist()[1:]]}), {"x": "number", "y": "category"}
    if name == "infinite and huge values":
        x[:4] = [np.inf, -np.inf, 1e300, np.nan]
        return pa.table({"x": x, "y": labels}), {"x": "number", "y": "category"}
    if name == "integers beyond float32":
        big = (2**60 + (x * 2**50).astype(np.int64)).astype(np.int64)
        return pa.table({"x": big, "y": labels}), {"x": "integer", "y": "category"}
    if name == "a constant column":
        return pa.table({"x": x, "k": [7] * rows, "y": labels}), {
            "x": "number",
            "k": "integer",
            "y": "category",
        }
    table = pa.table({"x": x, "y": y})
    return table, {"x": "number", "y": "boolean"}


@pytest.mark.parametrize("candidate", ["logistic_regression", "hist_gradient_boosting"])
@pytest.mark.parametrize(
    "name",
    [
        "empty columns of every kind",
        "unicode names and values",
        "a class of one row",
        "infinite and huge values",
        "integers beyond float32",
        "a constant column",
        "a boolean target",
    ],
)
def test_odd_data_still_becomes_a_model(tmp_path: Path, name: str, candidate: str) -> None:
    table, kinds = odd(name)
    spec = f"model: odd\ntarget: y\ntrain: {{candidates: [{{estimator: {candidate}}}]}}\n"
    card, _ = version(tmp_path, table, kinds, spec)
    assert all(np.isfinite(value) for value in card["evaluation"]["metrics"].values())
    assert card["evaluation"]["metrics"]["accuracy"] > 0.45
    assert card["parity"]["close"] == 1.0


def test_a_regressor_that_answers_one_large_number_becomes_a_version(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=36)
    table = pa.table({"x": x, "y": 1_234_567.3 + x})  # too few rows for the trees to make a split
    spec = "model: r\ntarget: y\ntrain: {candidates: [{estimator: hist_gradient_boosting}]}\n"
    card, _ = version(tmp_path, table, {"x": "number", "y": "number"}, spec)
    assert card["parity"]["close"] == 1.0


@pytest.mark.case("G")
@pytest.mark.parametrize("estimator", ["ridge", "hist_gradient_boosting", "mlp"])
def test_a_target_of_ten_digits_is_learnt_and_answered_with_all_of_them(
    tmp_path: Path, estimator: str
) -> None:
    x = np.random.default_rng(3).normal(size=600)
    table = pa.table({"x": x, "y": 1e9 + x})
    spec = f"model: r\ntarget: y\ntask: regression\ntrain: {{candidates: [{{estimator: {estimator}}}]}}\n"
    card, store = version(tmp_path, table, {"x": "number", "y": "number"}, spec)
    assert card["evaluation"]["metrics"]["r2"] > 0.97
    assert card["parity"]["close"] == 1.0
    served = load(store.get(card["files"][layout.ONNX]["uri"]), "r", 1, "")
    answer = served.run(served.encoding.encode({"x": x.tolist()})).prediction
    assert answer is not None
    assert np.std(answer - table["y"].to_numpy()) < 0.2
    reference = pq.read_table(io.BytesIO(store.get("s3://models/r/v1/reference.parquet")))
    scores = reference[layout.SCORE].drop_null().to_numpy()
    assert np.std(scores) > 0.5


@pytest.mark.case("G")
@pytest.mark.parametrize("form", ["seconds", "times", "whole seconds"])
def test_moments_within_ten_minutes_are_told_apart(tmp_path: Path, form: str) -> None:
    rng = np.random.default_rng(3)
    second = rng.integers(0, 600, 2000) if form == "whole seconds" else rng.uniform(0, 600, 2000).round(3)
    moments = 1_790_000_000 + second
    late = np.where(rng.random(2000) < 0.01, second < 300, second >= 300)
    given = moments if form != "times" else (moments * 1e6).astype("datetime64[us]")
    kind = {"seconds": "number", "times": "datetime", "whole seconds": "integer"}[form]
    spec = "model: m\ntarget: y\ntrain: {candidates: [{estimator: decision_tree}]}\n"
    card, store = version(tmp_path, pa.table({"at": given, "y": late}), {"at": kind, "y": "boolean"}, spec)
    assert card["evaluation"]["metrics"]["accuracy"] > 0.97
    raw = store.get(card["files"][layout.ONNX]["uri"])
    served = load(raw, "m", 1, "")
    holdout = pq.read_table(io.BytesIO(store.get("s3://models/m/v1/holdout.parquet")))
    column = holdout["at"].to_pylist()
    trained = np.load(tmp_path / "prepared" / "holdout_matrix.npy")
    sent = [value.isoformat() for value in column] if form == "times" else column
    assert np.array_equal(served.encoding.encode({"at": sent}), trained)
    if form != "times":
        assert np.array_equal(served.encoding.encode_matrix(np.array(column)[:, None]), trained)
        assert np.array_equal(served.encoding.encode({"at": [*sent, None]})[:-1], trained)


def test_a_candidate_that_does_not_suit_the_data_leaves_the_run_to_the_others(tmp_path: Path) -> None:
    labels = np.array(["a", "b", "c"])[np.arange(90) % 3]
    table = pa.table({"x": np.arange(90.0), "y": labels})
    grid = "{solver: [liblinear, lbfgs]}"
    spec = f"model: m\ntarget: y\ntrain: {{candidates: [{{estimator: logistic_regression, grid: {grid}}}]}}\n"
    card, _ = version(tmp_path, table, {"x": "number", "y": "category"}, spec)
    assert card["chosen"]["parameters"] == {"solver": "lbfgs"}
    assert any("an experiment failed: logistic_regression: " in warning for warning in card["warnings"])


def test_ten_thousand_columns_are_bounded_in_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(120, 10_000))
    names = [f"c{i}" for i in range(10_000)]
    table = pa.table({**dict(zip(names, matrix.T, strict=True)), "y": matrix[:, 0] > 0})
    started = time.monotonic()
    card, _ = version(
        tmp_path, table, dict.fromkeys(names, "number") | {"y": "boolean"}, "model: wide\ntarget: y\n"
    )
    assert card["columns"] == 10_000
    assert time.monotonic() - started < 60
