"""Models are fetched from a real MLflow server, with what it keeps in files beside them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from support.mlflow import MISSING, Mlflow, program
from support.outside_models import linear

from kascade.registering import OutsideModelError, offer

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),
]
WIDE = linear(np.ones((600, 2)), [0, 0])
"""Its weights are so many that MLflow writes them into a file of their own."""


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if program() is None:
        pytest.skip(MISSING)
    import mlflow

    server = Mlflow(tmp_path_factory.mktemp("mlflow"))
    try:
        server.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", server.url)
            mlflow.set_tracking_uri(server.url)
            yield mlflow
    finally:
        server.stop()


@pytest.fixture(scope="module")
def logged(tracking: Any) -> str:
    with tracking.start_run() as run, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracking.onnx.log_model(onnx.load_from_string(WIDE), name="net", registered_model_name="net")
        tracking.log_text("flavors: {python_function: {loader_module: x}}", "other/MLmodel")
    return str(run.info.run_id)


def test_a_registered_model_is_fetched_in_one_piece_whatever_lies_beside_it(logged: str) -> None:
    offered = offer("models:/net/1", "churn")
    assert offered.payload.origin == "models:/net/1"
    model = onnx.load_from_string(offered.raw)
    assert onnx.numpy_helper.to_array(model.graph.initializer[0]).shape == (600, 2)
    assert offer("models:/net/1", "churn").payload.file == offered.payload.file


def test_a_model_of_a_run_is_the_same(logged: str) -> None:
    assert offer(f"runs:/{logged}/net", "churn").raw == offer("models:/net/1", "churn").raw


def test_a_model_without_an_onnx_flavour_says_which_it_has(logged: str) -> None:
    with pytest.raises(OutsideModelError, match="no ONNX flavour, it has: python_function"):
        offer(f"runs:/{logged}/other", "churn")


def test_a_version_that_is_not_there_says_where_was_looked(logged: str) -> None:
    with pytest.raises(OutsideModelError, match=r"models:/net/7 cannot be fetched from MLflow at http://127"):
        offer("models:/net/7", "churn")
