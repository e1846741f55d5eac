"""All steps on whole data sets: what comes out, that it comes out again, and the odd data it must stand."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table

from eventing.store import MemoryStore
from pipelines import layout
from pipelines.background import MAX_ROWS, from_json
from pipelines.encoding import Encoding
from pipelines.steps.export import REFERENCE_ROWS

from .conftest import version

pytestmark = pytest.mark.slow

FAST = "train: {candidates: [{estimator: logistic_regression, grid: {C: [1]}}]}\n"


def test_a_version_is_complete_and_its_files_fit_together(tmp_path: Path) -> None:
    card, store = version(tmp_path, churn_table(500), CHURN_KINDS, CHURN_SPEC)
    root = "s3://models/churn/v1"
    raw = store.get(f"{root}/{layout.ONNX}", card["files"][layout.ONNX]["sha256"])
    session = onnxruntime.InferenceSession(raw)
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["kascade"])
    assert metadata.keys() == {
        "model",
        "version",
        "task",
        "target",
        "entity",
        "classes",
        "encoding",
        "metric",
        "metrics",
        "dataset_digest",
        "ranges",
        "background",
    }
    assert metadata["classes"] == ["no", "yes"]
    assert [(o.name, o.type) for o in session.get_outputs()] == [
        ("label", "tensor(int64)"),
        ("probabilities", "tensor(float)"),
    ]
    encoding = Encoding.from_json(metadata["encoding"])
    holdout = pq.read_table(io.BytesIO(store.get(f"{root}/{layout.HOLDOUT}")))
    assert holdout.column_names == [*CHURN_KINDS, layout.ROW, layout.PLACE]
    background = from_json(metadata["background"], encoding.width)
    trained = np.load(tmp_path / "prepared" / "train_matrix.npy")
    assert len(background) == MAX_ROWS
    assert {row.tobytes() for row in background} <= {row.tobytes() for row in trained}
    matrix = encoding.encode({name: holdout[name].to_pylist() for name in encoding.names})
    label, probabilities = session.run(None, {"input": matrix})
    truth = np.array([metadata["classes"].index(value) for value in holdout["churned"].to_pylist()])
    assert np.mean(label == truth) == pytest.approx(card["evaluation"]["metrics"]["accuracy"])
    assert np.array_equal(label, probabilities.argmax(axis=1))
    reference = pq.read_table(io.BytesIO(store.get(f"{root}/{layout.REFERENCE}")))
    assert reference.column_names == [*encoding.names, "churned", layout.SCORE]
    fitted, unseen = reference.slice(0, 500 - holdout.num_rows), reference.slice(500 - holdout.num_rows)
    assert fitted[layout.SCORE].null_count == fitted.num_rows
    assert unseen[layout.SCORE].to_pylist() == pytest.approx(probabilities[:, 1].tolist())
    assert unseen["churned"].to_pylist() == holdout["churned"].to_pylist()
    assert [e["estimator"] for e in card["experiments"]].count("logistic_regression") == 3
    assert all(len(e["folds"]) == 5 for e in card["experiments"])
    assert json.loads(store.get(f"{root}/{layout.METRICS}")) == card["evaluation"]
    assert b"scikit-learn==" in store.get(f"{root}/{layout.ENVIRONMENT}")


def test_the_skops_file_loads_with_no_type_beyond_the_usual_and_predicts_the_same(tmp_path: Path) -> None:
    card, store = version(tmp_path, churn_table(300), CHURN_KINDS, CHURN_SPEC)
    raw = store.get(card["files"][layout.SKOPS]["uri"])
    unknown = skops.io.get_untrusted_types(data=raw)
    assert all(name == "numpy.dtype" or name.startswith("sklearn.") for name in unknown), unknown
    model = skops.io.loads(raw, trusted=unknown)
    matrix = np.load(tmp_path / "prepared" / "holdout_matrix.npy")
    assert np.array_equal(model.predict_proba(matrix), np.load(tmp_path / "refitted" / "expected.npy"))


def test_the_same_input_gives_the_same_model_byte_for_byte_and_the_same_metrics(tmp_path: Path) -> None:
    spec = CHURN_SPEC + "train: {candidates: [{estimator: random_forest, grid: {n_estimators: [10]}}]}\n"
    (first, _), (second, _) = (
        version(tmp_path / name, churn_table(300), CHURN_KINDS, spec) for name in ("one", "two")
    )
    assert first["evaluation"] == second["evaluation"]
    for name in (layout.ONNX, layout.HOLDOUT, layout.REFERENCE):
        assert first["files"][name] == second["files"][name]
    assert [e["folds"] for e in first["experiments"]] == [e["folds"] for e in second["experiments"]]


def test_a_holdout_row_is_never_trained_on_in_a_later_version(tmp_path: Path) -> None:
    spec = CHURN_SPEC + FAST
    _, old = version(tmp_path / "old", churn_table(300), CHURN_KINDS, spec)
    grown = pa.concat_tables([churn_table(200, seed=9), churn_table(300)])
    _, new = version(tmp_path / "new", grown, CHURN_KINDS, spec)

    def rows(store: MemoryStore, name: str) -> set[str]:
        table = pq.read_table(io.BytesIO(store.get(f"s3://models/churn/v1/{name}")))
        if layout.SCORE in table.column_names:
            table = table.filter(table[layout.SCORE].is_null())
        return {str(row) for row in table.select(list(CHURN_KINDS)).to_pylist()}

    assert rows(old, layout.HOLDOUT) <= rows(new, layout.HOLDOUT)
    assert not rows(old, layout.HOLDOUT) & rows(new, layout.REFERENCE)


# Passengers by class (1st, 2nd, 3rd, crew), as R ships them: Dawson 1995, doi 10.1080/10691898.1995.11910499.
TITANIC = {
    ("Male", "Child", "No"): (0, 0, 35, 0),
    ("Female", "Child", "No"): (0, 0, 17, 0),
    ("Male", "Adult", "No"): (118, 154, 387, 670),
    ("Female", "Adult", "No"): (4, 13, 89, 3),
    ("Male", "Child", "Yes"): (5, 11, 13, 0),
    ("Female", "Child", "Yes"): (1, 13, 14, 0),
    ("Male", "Adult", "Yes"): (57, 14, 75, 192),
    ("Female", "Adult", "Yes"): (140, 80, 76, 20),
}


def repeating(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of few kinds as categories [N, 3], and a target that the kind does not settle."""
    if name == "titanic":
        rows = [
            (one, sex, age, survived)
            for (sex, age, survived), counts in TITANIC.items()
            for one, count in zip(("1st", "2nd", "3rd", "Crew"), counts, strict=True)
            for _ in range(count)
        ]
        return np.array([row[:3] for row in rows]), np.array([row[3] for row in rows])
    kinds, size = {"600 rows of 18 kinds": ((3, 3, 2), 600), "10,000 rows of 200 kinds": ((5, 5, 8), 10_000)}[
        name
    ]
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(0, count, size) for count in kinds], axis=1)
    odds = rng.choice([0.2, 0.8], kinds)[tuple(values.T)]
    return np.char.add("v", values.astype(str)), np.where(rng.random(size) < odds, "Yes", "No")


@pytest.mark.case("A")
@pytest.mark.parametrize(
    "names", [("class", "sex", "age", "survived"), ("pclass", "sex", "age_group", "survived")]
)
@pytest.mark.parametrize("name", ["titanic", "600 rows of 18 kinds", "10,000 rows of 200 kinds"])
def test_where_rows_repeat_the_holdout_promises_what_cross_validation_finds(
    tmp_path: Path, name: str, names: tuple[str, ...]
) -> None:
    values, target = repeating(name)
    table = pa.table({**dict(zip(names, values.T, strict=False)), names[3]: target})
    grid = "{estimator: decision_tree, grid: {max_depth: [6]}}"
    train = f"metric: accuracy, candidates: [{grid}], class_weight: none"
    spec = f"model: m\ntarget: {names[3]}\ntrain: {{{train}}}\n"
    card, _ = version(tmp_path, table, dict.fromkeys(names, "category"), spec)
    found, rows = card["evaluation"]["metrics"]["accuracy"], card["evaluation"]["rows"]
    expected = card["experiments"][0]["mean"]
    assert abs(rows / len(target) - 0.2) < 0.04
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / rows)


def test_regression_by_time_has_its_newest_rows_as_holdout(tmp_path: Path) -> None:
    rows = 400
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    days = np.datetime64("2024-01-01") + rng.integers(0, 200, rows)
    table = pa.table({"x": x, "day": days, "y": 3 * x + rng.normal(0, 0.1, rows)})
    kinds = {"x": "number", "day": "datetime", "y": "number"}
    card, store = version(tmp_path, table, kinds, "model: r\ntarget: y\ntimestamp: day\ntask: regression\n")
    assert card["task"] == "regression"
    assert card["evaluation"]["metrics"]["r2"] > 0.95
    split = card["data"]["split"]
    holdout = pq.read_table(io.BytesIO(store.get("s3://models/r/v1/holdout.parquet")))
    assert min(holdout["day"].to_pylist()).isoformat().startswith(split["cutoff"][:10])
    assert split["train_rows"] <= REFERENCE_ROWS
