"""Sides, encodings, weights, folds and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.training import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset

from eventing.store import MemoryStore
from pipelines.encoding import Encoding
from pipelines.errors import StepError
from pipelines.steps import features as step
from pipelines.steps import files
from pipelines.steps.check import check
from pipelines.steps.extract import extract
from pipelines.steps.features import features
from pipelines.tables import encode_table


def prepare(
    folder: Path, table: pa.Table | list[pa.Table], kinds: dict[str, str], spec: str, seed: int = 0
) -> dict[str, Any]:
    model = spec.split("\n")[0].removeprefix("model: ")
    store = MemoryStore()
    request = put_dataset(store, table if isinstance(table, list) else [table], kinds, spec)
    extract(store, request, folder / "e")
    check(folder / "e", folder / "c", model)
    items = features(folder / "e", folder / "c", folder / "f", model, seed)
    facts: dict[str, Any] = files.read_json(folder / "f" / files.PREPARED)
    return {**facts, "items": items}


def labelled(target: list[Any], **columns: Any) -> pa.Table:
    return pa.table({"x": np.arange(len(target), dtype=np.float64), **columns, "y": target})


KINDS = {"x": "number", "y": "category"}
SPEC = "model: m\ntarget: y\n"


def test_every_kind_of_column_is_encoded_and_the_holdout_as_serving_would(tmp_path: Path) -> None:
    table = churn_table(300)
    facts = prepare(tmp_path, table, CHURN_KINDS, CHURN_SPEC)
    methods = {f["name"]: f["method"] for f in facts["encoding"]["features"]}
    assert methods == {
        "amount": "number",
        "calls": "number",
        "member": "boolean",
        "country": "one_hot",
        "shop": "target_mean",
        "note": "hashed_text",
        "since": "datetime",
    }
    encoding = Encoding.from_json(facts["encoding"])
    rows = np.load(tmp_path / "f" / files.HOLDOUT_ROWS)
    found = np.load(tmp_path / "f" / files.HOLDOUT_MATRIX)
    holdout = files.read_table(tmp_path / "e").take(pa.array(rows))
    assert np.array_equal(found, encode_table(encoding, holdout), equal_nan=True)
    values = {name: holdout[name].to_pylist() for name in encoding.names}
    assert np.array_equal(found, encoding.encode(values), equal_nan=True)


def test_target_means_of_training_rows_leave_out_their_own_target(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shops = [f"s{i}" for i in rng.integers(0, 200, 500)]
    table = labelled([["a", "b"][i] for i in rng.integers(0, 2, 500)], shop=shops)
    facts = prepare(tmp_path, table, {"x": "number", "shop": "category", "y": "category"}, SPEC)
    column = np.load(tmp_path / "f" / files.TRAIN_MATRIX)[:, 1]
    target = np.load(tmp_path / "f" / files.TRAIN_TARGET)
    assert abs(np.corrcoef(column, target)[0, 1]) < 0.15
    encoding = Encoding.from_json(facts["encoding"])
    rows = np.load(tmp_path / "f" / files.TRAIN_ROWS)
    leaky = encode_table(encoding, files.read_table(tmp_path / "e").take(pa.array(rows)))[:, 1]
    assert np.corrcoef(leaky, target)[0, 1] > 0.3


@pytest.mark.parametrize(
    ("rare", "spec", "balanced"),
    [
        (100, "", False),
        (10, "", True),
        (100, "train: {class_weight: balanced}\n", True),
        (10, "train: {class_weight: none}\n", False),
    ],
)
def test_classes_are_weighed_when_skewed_or_when_the_spec_says_so(
    tmp_path: Path, rare: int, spec: str, balanced: bool
) -> None:
    target = ["a"] * (200 - rare) + ["b"] * rare
    assert prepare(tmp_path, labelled(target), KINDS, SPEC + spec)["balanced"] is balanced


def test_a_class_that_only_the_holdout_has_is_left_out_with_a_warning(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(100)
    target = ["a", "b"] * 45 + ["late"] * 10
    table = labelled(target, t=days)
    spec = SPEC + "timestamp: t\n"
    facts = prepare(tmp_path, table, {"x": "number", "t": "datetime", "y": "category"}, spec)
    assert facts["classes"] == ["a", "b"]
    assert facts["ordered"] is True
    assert facts["split"]["holdout_rows"] == 10
    assert facts["warnings"] == [
        "10 rows of the holdout are left out: the training rows do not have their class"
    ]


def test_classes_that_follow_one_another_in_time_are_compared_in_dealt_folds(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(100)
    table = labelled(["a"] * 40 + ["b"] * 60, t=days)
    spec = SPEC + "timestamp: t\n"
    facts = prepare(tmp_path, table, {"x": "number", "t": "datetime", "y": "category"}, spec)
    assert facts["split"]["by"] == "time"
    assert facts["ordered"] is False


def test_timestamps_that_cannot_divide_the_rows_are_warned_of(tmp_path: Path) -> None:
    days = np.repeat(np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[D]"), [10, 90])
    spec = SPEC + "timestamp: t\n"
    kinds = {"x": "number", "t": "datetime", "y": "category"}
    facts = prepare(tmp_path, labelled(["a", "b"] * 50, t=days), kinds, spec)
    assert facts["split"]["by"] == "row"
    assert any("not divided by 't'" in warning for warning in facts["warnings"])


def test_a_training_side_of_one_class_is_refused(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(100)
    table = labelled(["a"] * 90 + ["b"] * 10, t=days)
    with pytest.raises(StepError, match="the rows to train on all have the target 'a'") as caught:
        prepare(tmp_path, table, {"x": "number", "t": "datetime", "y": "category"}, SPEC + "timestamp: t\n")
    assert "earlier time" in caught.value.fix


def test_one_entity_cannot_be_split(tmp_path: Path) -> None:
    table = labelled(["a", "b"] * 30, who=["only"] * 60)
    kinds = {"x": "number", "who": "category", "y": "category"}
    with pytest.raises(StepError, match="side of the split has 0 rows") as caught:
        prepare(tmp_path, table, kinds, SPEC + "entity: who\n")
    assert "more values of 'who'" in caught.value.fix


def test_the_rows_of_an_entity_are_in_one_fold_and_do_not_see_each_others_target(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    who = np.tile(np.arange(60), 8)
    label = np.array(["a", "b"])[(rng.random(60) < 0.5).astype(int)]
    table = labelled(label[who].tolist(), who=[f"c{i}" for i in who], shop=[f"s{i}" for i in who])
    kinds = {"x": "number", "who": "category", "shop": "category", "y": "category"}
    facts = prepare(tmp_path, table, kinds, SPEC + "entity: who\n")
    rows = who[np.load(tmp_path / "f" / files.TRAIN_ROWS)]
    folds = np.load(tmp_path / "f" / files.FOLDS)
    assert all(len(set(folds[rows == one])) == 1 for one in set(rows))
    assert folds.max() == 4
    column, target = (
        np.load(tmp_path / "f" / files.TRAIN_MATRIX)[:, 1],
        np.load(tmp_path / "f" / files.TRAIN_TARGET),
    )
    assert np.corrcoef(column, target)[0, 1] < 0.15
    assert not any("as they learn from" in warning for warning in facts["warnings"])


def test_a_row_that_every_export_brings_again_is_in_one_fold(tmp_path: Path) -> None:
    prepare(tmp_path, [labelled(["a", "b"] * 50)] * 3, KINDS, SPEC)
    rows = np.load(tmp_path / "f" / files.TRAIN_ROWS) % 100
    folds = np.load(tmp_path / "f" / files.FOLDS)
    assert all(len(set(folds[rows == one])) == 1 for one in set(rows))
    assert not set(rows) & set(np.load(tmp_path / "f" / files.HOLDOUT_ROWS) % 100)


@pytest.mark.case("A")
def test_rows_of_few_kinds_are_in_every_fold_and_on_both_sides(tmp_path: Path) -> None:
    kind = np.arange(400) % 4
    table = labelled([["a", "b"][n] for n in (np.arange(400) // 4) % 2]).set_column(
        0, "x", pa.array(kind * 1.0)
    )
    facts = prepare(tmp_path, [table.slice(0, 300), table.slice(300)], KINDS, SPEC)
    rows, folds = np.load(tmp_path / "f" / files.TRAIN_ROWS), np.load(tmp_path / "f" / files.FOLDS)
    assert all(set(folds[kind[rows] == one]) == set(range(5)) for one in range(4))
    assert abs(facts["split"]["holdout_rows"] / 400 - 0.2) < 0.07
    assert (facts["split"]["by"], facts["split"]["rule"]) == ("row", 2)


def test_a_share_that_entities_do_not_allow_is_warned_of(tmp_path: Path) -> None:
    table = labelled(["a", "b"] * 100, who=[f"c{n // 40}" for n in range(200)])
    kinds = {"x": "number", "who": "category", "y": "category"}
    spec = SPEC + "entity: who\ntrain: {holdout: 0.5}\n"
    facts = prepare(tmp_path, table, kinds, spec)
    held = facts["split"]["holdout_rows"] / 200
    assert held in (0.2, 0.4, 0.6, 0.8)
    assert facts["warnings"][0] == (
        f"the holdout has {held:.0%} of the rows, not 50%: all rows of one 'who' are on one side, "
        "and there are only 5 of them"
    )


@pytest.mark.case("G")
def test_numbers_that_float32_cannot_tell_apart_even_centred_are_warned_of(tmp_path: Path) -> None:
    ids = np.array([10**18, 10**9])[np.arange(200) % 2] + np.arange(200)
    table = labelled(["a", "b"] * 100, id=ids)
    facts = prepare(tmp_path, table, {"x": "number", "id": "integer", "y": "category"}, SPEC)
    assert next(text for text in facts["warnings"] if "float32" in text).startswith(
        "'id': the model counts in"
    )


def test_where_one_entity_alone_has_a_class_rows_are_compared_with_a_warning(tmp_path: Path) -> None:
    who = np.arange(120) % 20
    target = ["b" if one == 3 and row < 60 else "a" for row, one in enumerate(who)]
    table = labelled(target, who=[f"c{i}" for i in who])
    kinds = {"x": "number", "who": "category", "y": "category"}
    facts = prepare(tmp_path, table, kinds, SPEC + "entity: who\n")
    assert np.load(tmp_path / "f" / files.FOLDS).max() == 4
    assert any("the same 'who' as they learn from" in warning for warning in facts["warnings"])


def test_a_matrix_beyond_the_limit_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "MAX_MATRIX_BYTES", 100)
    with pytest.raises(StepError, match=r"need .* GiB") as caught:
        prepare(tmp_path, labelled(["a", "b"] * 50), KINDS, SPEC)
    assert "train.window" in caught.value.fix


def test_the_governors_seed_comes_before_the_specs(tmp_path: Path) -> None:
    table = labelled(["a", "b"] * 50)
    assert prepare(tmp_path / "1", table, KINDS, SPEC + "train: {seed: 5}\n")["seed"] == 5
    assert prepare(tmp_path / "2", table, KINDS, SPEC + "train: {seed: 5}\n", seed=9)["seed"] == 9
