"""The allow-list: what the spec's check says, and how grids become experiments."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pipelines.errors import FitError, StepError
from pipelines.estimators import (
    REGISTRY,
    EstimatorSpec,
    check_training,
    default_candidates,
    find,
    missing_packages,
)
from pipelines.estimators.build import combinations, predict, train
from pipelines.metrics import Task
from pipelines.onnx_graph import convert
from pipelines.spec import SpecError, parse_spec


def problems(text: str) -> dict[str, tuple[str, str]]:
    spec = parse_spec(f"target: y\n{text}".encode(), model="m")
    return {p.where: (p.problem, p.fix) for p in check_training(spec)}


def test_a_valid_spec_has_no_problem() -> None:
    assert (
        problems("train: {metric: roc_auc, candidates: [{estimator: knn, grid: {n_neighbors: [3]}}]}") == {}
    )
    assert problems("") == {}


def test_an_unknown_estimator_parameter_and_metric_are_all_named_with_the_nearest() -> None:
    candidates = "[{estimator: random_forst}, {estimator: ridge, grid: {alhpa: [1]}}]"
    found = problems(f"train: {{metric: roc_acu, candidates: {candidates}}}")
    assert found["train.metric"] == ("'roc_acu' is no metric", "did you mean 'roc_auc'?")
    assert found["train.candidates[0].estimator"] == (
        "'random_forst' is no allowed estimator",
        "did you mean 'random_forest'?",
    )
    assert found["train.candidates[1].grid"] == (
        "'ridge' has no parameter 'alhpa' that can be set",
        "did you mean 'alpha'?",
    )


def test_what_belongs_to_the_other_task_is_refused_when_the_task_is_known() -> None:
    found = problems(
        "task: regression\ntrain: {metric: accuracy, candidates: [{estimator: logistic_regression}]}"
    )
    assert found["train.metric"][0] == "'accuracy' is no metric of regression"
    assert found["train.candidates[0].estimator"][0] == (
        "'logistic_regression' is no allowed estimator of regression"
    )


def test_the_check_reports_through_the_parser() -> None:
    with pytest.raises(SpecError, match="random_forest"):
        parse_spec(
            b"target: y\ntrain: {candidates: [{estimator: random_forst}]}", model="m", checks=[check_training]
        )


def test_checking_a_spec_does_not_load_scikit_learn() -> None:
    script = "import sys, pipelines.estimators, pipelines.metrics; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_estimator_knows_its_own_parameters() -> None:
    import importlib

    for estimator in REGISTRY.values():
        module, _, name = estimator.path.rpartition(".")
        known = getattr(importlib.import_module(module), name)().get_params()
        named = {*estimator.tunable, *estimator.grid, *estimator.fixed}
        if estimator.name == "lightgbm":
            named -= {"verbosity", "deterministic", "force_col_wise"}  # it takes more than it lists
        assert named <= known.keys(), estimator.name
        assert set(estimator.grid) <= set(estimator.tunable)
        assert ("random_state" in known) == estimator.seeded, estimator.name
        assert (estimator.balance == "class_weight") <= ("class_weight" in known)


def test_a_grid_is_walked_in_an_order_that_does_not_depend_on_how_it_was_written() -> None:
    first = list(combinations({"b": (1, 2), "a": ("x", None)}))
    assert first == list(combinations({"a": ("x", None), "b": (1, 2)}))
    assert first[0] == {"a": "x", "b": 1}
    assert len(first) == 4
    assert list(combinations({})) == [{}]


@pytest.mark.parametrize("grid", [{"n_estimators": -1}, {"n_estimators": "many"}, {"trees": 3}])
def test_a_value_that_scikit_learn_refuses_names_estimator_and_parameter(grid: dict[str, object]) -> None:
    forest = find("random_forest", "classification")
    assert forest is not None
    with pytest.raises(StepError, match=r"random_forest: .*(n_estimators|trees)"):
        train(
            forest, grid, np.zeros((4, 1), dtype=np.float32), np.array([0, 1, 0, 1]), seed=0, balanced=False
        )


@pytest.mark.parametrize(
    ("name", "task", "grid", "target"),
    [
        ("logistic_regression", "classification", {"solver": "liblinear"}, [0, 1, 2]),
        ("gradient_boosting", "classification", {"loss": "exponential"}, [0, 1, 2]),
        ("hist_gradient_boosting", "regression", {"loss": "poisson"}, [-1.0, 0.0, 1.0]),
    ],
)
def test_parameters_that_do_not_suit_the_rows_are_no_defect(
    name: str, task: Task, grid: dict[str, object], target: list[float]
) -> None:
    estimator = find(name, task)
    assert estimator is not None
    matrix = np.arange(30, dtype=np.float32).reshape(-1, 1)
    with pytest.raises(FitError, match=f"^{name}: ") as caught:
        train(estimator, grid, matrix, np.tile(target, 10), seed=0, balanced=False)
    assert "train.candidates" in caught.value.fix


def test_an_estimator_that_cannot_predict_says_so() -> None:
    tree = find("decision_tree", "regression")
    assert tree is not None
    model = train(tree, {}, np.ones((6, 2), np.float32), np.arange(6.0), seed=0, balanced=False)
    with pytest.raises(FitError, match=r"2 features"):
        predict(model, np.ones((6, 1), np.float32), None)


def test_there_are_never_more_neighbours_than_rows() -> None:
    knn = find("knn", "classification")
    assert knn is not None
    matrix, target = np.arange(14, dtype=np.float32).reshape(-1, 1), np.arange(14) % 2
    with pytest.warns(UserWarning, match="n_neighbors is 14"):
        model = train(knn, {"n_neighbors": 15}, matrix, target, seed=0, balanced=False)
    assert predict(model, matrix, 2).shape == (14, 2)


@pytest.mark.parametrize(
    ("name", "rows", "given"),
    [
        ("hist_gradient_boosting", 10_200, {"max_iter": 2}),
        ("hist_gradient_boosting", 50, {"max_iter": 2, "early_stopping": True}),
        ("mlp", 50, {"max_iter": 400}),
        ("mlp", 10, {"max_iter": 1000}),
    ],
)
def test_where_a_class_is_too_rare_to_be_held_back_training_is_not_stopped_early(
    name: str, rows: int, given: dict[str, object]
) -> None:
    estimator = find(name, "classification")
    assert estimator is not None
    matrix = np.arange(rows, dtype=np.float32).reshape(-1, 1)
    target = np.arange(rows) % 2
    if rows > 10:
        target[0] = 2
    with pytest.warns(UserWarning, match=f"{name} is not stopped early"):
        model = train(estimator, given, matrix, target, seed=0, balanced=False)
    assert model[-1].early_stopping is False


def test_where_every_class_has_two_rows_training_is_stopped_early_as_asked() -> None:
    estimator = find("hist_gradient_boosting", "classification")
    assert estimator is not None
    matrix, target = np.arange(50, dtype=np.float32).reshape(-1, 1), np.arange(50) % 2
    target[:2] = 2
    given = {"max_iter": 2, "early_stopping": True}
    assert train(estimator, given, matrix, target, seed=0, balanced=False)[-1].early_stopping is True


def test_defaults_are_a_linear_and_a_tree_model_and_stay_fast_when_wide() -> None:
    narrow = [name for name, _ in default_candidates("classification", 30)]
    wide = default_candidates("regression", 10_000)
    assert narrow == ["logistic_regression", "hist_gradient_boosting"]
    assert [name for name, _ in wide] == ["ridge", "extra_trees"]
    assert all(len(list(combinations(grid))) == 1 for _, grid in wide)


BOOSTERS = [find(name, task) for name in ("xgboost", "lightgbm") for task in ("classification", "regression")]


def rows_of(estimator: EstimatorSpec, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    score = 2 * matrix[:, 0] + rng.normal(0, 0.5, rows)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix, score if estimator.task == "regression" else np.digitize(score, [2.5])


@pytest.mark.parametrize("estimator", BOOSTERS, ids=lambda e: f"{e.name}-{e.task}")
def test_a_seed_gives_a_booster_twice_and_another_seed_another_one(estimator: EstimatorSpec) -> None:
    matrix, target = rows_of(estimator)
    given = {"n_estimators": 10, "subsample": 0.5, "learning_rate": 0.3}
    if estimator.name == "lightgbm":
        given |= {"subsample_freq": 1}

    def made(seed: int) -> bytes:
        model = train(estimator, given, matrix, target, seed=seed, balanced=False)
        return convert(model, 4, classifies=estimator.task == "classification")

    assert made(1) == made(1) != made(2)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_booster_weighs_rare_classes_when_it_is_told_to(name: str) -> None:
    estimator = find(name, "classification")
    assert estimator is not None
    matrix, target = rows_of(estimator)

    def share_of_the_rare(balanced: bool) -> float:
        given = {"n_estimators": 5, "max_depth": 2}
        model = train(estimator, given, matrix, target, seed=0, balanced=balanced)
        return float(predict(model, matrix, 2)[:, 1].mean())

    assert share_of_the_rare(True) > share_of_the_rare(False) + 0.05


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_booster_that_does_not_see_a_class_in_the_middle_gives_it_probability_0(name: str) -> None:
    estimator = find(name, "classification")
    assert estimator is not None
    matrix, target = rows_of(estimator)
    found = predict(
        train(estimator, {"n_estimators": 3}, matrix, 2 * target, seed=0, balanced=True), matrix, 3
    )
    assert found[:, 1].max() == 0
    assert found.sum(axis=1) == pytest.approx(np.ones(len(matrix)))


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("grid", [{"learning_rate": -1}, {"n_estimators": "many"}, {"max_depth": 1.5}])
def test_a_value_that_a_booster_refuses_names_it(name: str, grid: dict[str, object]) -> None:
    estimator = find(name, "regression")
    assert estimator is not None
    matrix, target = rows_of(estimator, 60)
    with pytest.raises(StepError, match=f"^{name}: "):
        train(estimator, grid, matrix, target, seed=0, balanced=False)


def test_a_package_that_is_missing_where_models_are_trained_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = parse_spec(
        b"target: y\ntrain: {candidates: [{estimator: ridge}, {estimator: lightgbm}]}", model="m"
    )
    assert list(missing_packages(spec)) == []
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (problem,) = missing_packages(spec)
    assert problem.where == "train.candidates[1].estimator"
    assert "lightgbm" in problem.problem
    assert "kascade[lightgbm]" in problem.fix
