"""The allow-list of estimators, one literal table. Each converts to ONNX with parity, which tests hold it to.

Importing this loads no scikit-learn: names are resolved where an estimator is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.estimators.estimator_spec import EstimatorSpec, Grid
from pipelines.metrics import Task

WIDE = 1_000  # columns from which the default tree model draws a few columns per split instead of all


_TREE = ("max_depth", "max_features", "max_leaf_nodes", "min_samples_leaf", "min_samples_split", "criterion")
_FOREST = ("n_estimators", *_TREE)
_BOOST = ("n_estimators", "learning_rate", "subsample", "loss", *_TREE)
_HIST = (
    "learning_rate",
    "max_iter",
    "max_leaf_nodes",
    "max_depth",
    "min_samples_leaf",
    "l2_regularization",
    "max_bins",
    "max_features",
    "early_stopping",
)
_XGBOOST = (
    "n_estimators",
    "learning_rate",
    "max_depth",
    "max_leaves",
    "max_bin",
    "min_child_weight",
    "gamma",
    "subsample",
    "colsample_bytree",
    "reg_alpha",
    "reg_lambda",
)
_LIGHTGBM = (
    "n_estimators",
    "learning_rate",
    "num_leaves",
    "max_depth",
    "min_child_samples",
    "min_split_gain",
    "subsample",
    "subsample_freq",
    "colsample_bytree",
    "reg_alpha",
    "reg_lambda",
)
_LIGHTGBM_FIXED = {"n_jobs": 0, "verbosity": -1, "deterministic": True, "force_col_wise": True}
_MLP = ("hidden_layer_sizes", "activation", "alpha", "learning_rate_init", "max_iter", "batch_size", "solver")
_KNN = ("n_neighbors", "weights", "p")
# Leaves are bounded: a forest grown on millions of rows would otherwise be gigabytes of ONNX.
_LEAVES = {"max_leaf_nodes": 2048}
_FOREST_FIXED = {"n_estimators": 100, "min_samples_leaf": 2, **_LEAVES}
_MLP_FIXED = {"max_iter": 300, "early_stopping": True}
_C: Task = "classification"
_R: Task = "regression"

_ALL = (
    EstimatorSpec(
        "logistic_regression",
        _C,
        "sklearn.linear_model.LogisticRegression",
        ("C", "fit_intercept", "max_iter", "tol", "solver"),
        grid={"C": (0.1, 1.0, 10.0)},
        fixed={"max_iter": 1000},
        scale=True,
        balance="class_weight",
    ),
    EstimatorSpec(
        "linear_regression",
        _R,
        "sklearn.linear_model.LinearRegression",
        ("fit_intercept", "positive"),
        scale=True,
        seeded=False,
    ),
    EstimatorSpec(
        "ridge",
        _R,
        "sklearn.linear_model.Ridge",
        ("alpha", "fit_intercept", "max_iter", "tol", "solver"),
        grid={"alpha": (0.1, 1.0, 10.0)},
        scale=True,
    ),
    EstimatorSpec(
        "decision_tree",
        _C,
        "sklearn.tree.DecisionTreeClassifier",
        _TREE,
        grid={"max_depth": (3, 6, None)},
        fixed={"min_samples_leaf": 5, **_LEAVES},
        balance="class_weight",
    ),
    EstimatorSpec(
        "decision_tree",
        _R,
        "sklearn.tree.DecisionTreeRegressor",
        _TREE,
        grid={"max_depth": (3, 6, None)},
        fixed={"min_samples_leaf": 5, **_LEAVES},
    ),
    EstimatorSpec(
        "random_forest",
        _C,
        "sklearn.ensemble.RandomForestClassifier",
        _FOREST,
        grid={"max_features": ("sqrt", 0.5)},
        fixed=_FOREST_FIXED,
        balance="class_weight",
    ),
    EstimatorSpec(
        "random_forest",
        _R,
        "sklearn.ensemble.RandomForestRegressor",
        _FOREST,
        grid={"max_features": ("sqrt", 0.5)},
        fixed=_FOREST_FIXED,
    ),
    EstimatorSpec(
        "extra_trees",
        _C,
        "sklearn.ensemble.ExtraTreesClassifier",
        _FOREST,
        grid={"max_features": ("sqrt", 0.5)},
        fixed=_FOREST_FIXED,
        balance="class_weight",
    ),
    EstimatorSpec(
        "extra_trees",
        _R,
        "sklearn.ensemble.ExtraTreesRegressor",
        _FOREST,
        grid={"max_features": ("sqrt", 0.5)},
        fixed=_FOREST_FIXED,
    ),
    EstimatorSpec(
        "hist_gradient_boosting",
        _C,
        "sklearn.ensemble.HistGradientBoostingClassifier",
        _HIST,
        grid={"learning_rate": (0.05, 0.2)},
        fixed={"max_leaf_nodes": 15},
        imputes=True,
        balance="class_weight",
    ),
    EstimatorSpec(
        "hist_gradient_boosting",
        _R,
        "sklearn.ensemble.HistGradientBoostingRegressor",
        (*_HIST, "loss"),
        grid={"learning_rate": (0.05, 0.2)},
        fixed={"max_leaf_nodes": 15},
        imputes=True,
    ),
    EstimatorSpec(
        "gradient_boosting",
        _C,
        "sklearn.ensemble.GradientBoostingClassifier",
        _BOOST,
        grid={"learning_rate": (0.05, 0.1)},
        balance="sample_weight",
    ),
    EstimatorSpec(
        "gradient_boosting",
        _R,
        "sklearn.ensemble.GradientBoostingRegressor",
        _BOOST,
        grid={"learning_rate": (0.05, 0.1)},
    ),
    EstimatorSpec(
        "xgboost",
        _C,
        "xgboost.XGBClassifier",
        _XGBOOST,
        grid={"learning_rate": (0.1, 0.3)},
        fixed={"tree_method": "hist"},
        imputes=True,
        balance="sample_weight",
        extra="xgboost",
    ),
    EstimatorSpec(
        "xgboost",
        _R,
        "xgboost.XGBRegressor",
        _XGBOOST,
        grid={"learning_rate": (0.1, 0.3)},
        fixed={"tree_method": "hist"},
        imputes=True,
        extra="xgboost",
    ),
    EstimatorSpec(
        "lightgbm",
        _C,
        "lightgbm.LGBMClassifier",
        _LIGHTGBM,
        grid={"learning_rate": (0.05, 0.1)},
        fixed=_LIGHTGBM_FIXED,
        imputes=True,
        balance="class_weight",
        extra="lightgbm",
    ),
    EstimatorSpec(
        "lightgbm",
        _R,
        "lightgbm.LGBMRegressor",
        _LIGHTGBM,
        grid={"learning_rate": (0.05, 0.1)},
        fixed=_LIGHTGBM_FIXED,
        imputes=True,
        extra="lightgbm",
    ),
    EstimatorSpec(
        "knn",
        _C,
        "sklearn.neighbors.KNeighborsClassifier",
        _KNN,
        grid={"n_neighbors": (5, 15)},
        scale=True,
        seeded=False,
    ),
    EstimatorSpec(
        "knn",
        _R,
        "sklearn.neighbors.KNeighborsRegressor",
        _KNN,
        grid={"n_neighbors": (5, 15)},
        scale=True,
        seeded=False,
    ),
    EstimatorSpec(
        "mlp",
        _C,
        "sklearn.neural_network.MLPClassifier",
        _MLP,
        grid={"hidden_layer_sizes": (32, 64)},
        fixed=_MLP_FIXED,
        scale=True,
        balance="sample_weight",
    ),
    EstimatorSpec(
        "mlp",
        _R,
        "sklearn.neural_network.MLPRegressor",
        _MLP,
        grid={"hidden_layer_sizes": (32, 64)},
        fixed=_MLP_FIXED,
        scale=True,
    ),
)

REGISTRY: Mapping[tuple[str, Task], EstimatorSpec] = MappingProxyType({(e.name, e.task): e for e in _ALL})


def find(name: str, task: Task) -> EstimatorSpec | None:
    """Return the estimator of that name for the task, or None when it is not on the list."""
    return REGISTRY.get((name, task))


def names(task: Task | None = None) -> list[str]:
    """Return the names on the list, of one task or of both."""
    return sorted({name for name, of in REGISTRY if task in (None, of)})


def default_candidates(task: Task, width: int) -> list[tuple[str, Grid]]:
    """Return what is tried when the spec names nothing: a linear and a tree model, with small grids.

    Args:
        width: how many columns the encoded matrix has; a wide one gets the tree model that stays fast on it.
    """
    linear = "logistic_regression" if task == "classification" else "ridge"
    if width < WIDE:
        chosen = [linear, "hist_gradient_boosting"]
        return [(name, REGISTRY[name, task].grid) for name in chosen]
    first = next(iter(REGISTRY[linear, task].grid))
    return [(linear, {first: (1.0,)}), ("extra_trees", {"max_features": ("sqrt",)})]
