"""From a fitted estimator to the ONNX graph that serves: the one way, for our estimators and for train.code.

It runs in environments where nothing else of Kascade is installed, so it imports nothing of Kascade.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

INPUT = "input"
OPSET = {"": 17, "ai.onnx.ml": 3}
_CLASSIFIER_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


class NotConverted(Exception):
    """The object is no estimator that a converter knows, or its converter is not installed; it says which."""


def convert(estimator: Any, width: int, *, classifies: bool) -> bytes:
    """Convert a fitted estimator whose classes are indices; the same estimator gives the same bytes.

    Args:
        estimator: of scikit-learn, XGBoost or LightGBM, or a scikit-learn pipeline that ends in one.
        width: how many columns the input has.
        classifies: whether it gives classes, not numbers.

    Raises: NotConverted.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # converters speak to numpy and protobuf in ways they deprecate
        try:
            from skl2onnx import convert_sklearn
            from skl2onnx.common.data_types import FloatTensorType
        except ImportError as error:
            raise NotConverted(f"it is converted by skl2onnx, which cannot be loaded: {error}") from error
        for part in _parts(estimator):
            _know(part)
        model = convert_sklearn(
            estimator,
            name="kascade",
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={id(estimator): {"zipmap": False}} if classifies else None,
            target_opset=OPSET,
        )
    return bytes(model.SerializeToString(deterministic=True))


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and what it is made of."""
    yield estimator
    steps = [step for _, step in getattr(estimator, "steps", [])]
    for step in [*steps, *getattr(estimator, "estimators_", [])]:
        if hasattr(step, "get_params"):
            yield from _parts(step)


def _know(estimator: Any) -> None:
    """Have skl2onnx know the converter of an estimator that is not scikit-learn's."""
    package = type(estimator).__module__.partition(".")[0]
    if package not in ("xgboost", "lightgbm"):
        return
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import (
            calculate_linear_classifier_output_shapes,
            calculate_linear_regressor_output_shapes,
        )

        if package == "xgboost":
            from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as converter
        else:
            from onnxmltools.convert.lightgbm.operator_converters.LightGbm import (
                convert_lightgbm as converter,
            )
    except ImportError as error:
        raise NotConverted(f"{package} needs onnxmltools, which cannot be loaded: {error}") from error
    classifies = hasattr(estimator, "predict_proba")
    if package == "xgboost":  # its converter knows columns by their numbers only
        estimator.get_booster().feature_names = None
    update_registered_converter(
        type(estimator),
        f"Kascade{type(estimator).__name__}",
        calculate_linear_classifier_output_shapes if classifies else calculate_linear_regressor_output_shapes,
        converter,
        options=_CLASSIFIER_OPTIONS if classifies else {"split": None},
        overwrite=True,
    )
