"""Tests of reading a model file: what is not the approved model must not start to serve."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import tiny_models

from functions.serve_model.app import create_app
from functions.serve_model.errors import DigestMismatch, ModelUnavailable
from functions.serve_model.model import load

DATA = tiny_models.classifier(tiny_models.numbers("a", "b"))


def edited(change: Any) -> bytes:
    model = onnx.load_from_string(DATA)
    change(model)
    data: bytes = model.SerializeToString()
    return data


def test_a_model_answers_encoded_rows() -> None:
    model = load(DATA, "churn", 1, "0" * 64)

    outputs = model.run(np.array([[1, 1], [-1, -1]], dtype=np.float32))

    assert outputs.label is not None
    assert outputs.label.tolist() == [1, 0]
    assert model.properties["task"] == "classification"


@pytest.mark.parametrize(
    ("data", "name", "version", "expected"),
    [
        (b"not a model", "churn", 1, "the model is refused: it is no ONNX file"),
        (b"", "churn", 1, "its inputs are none"),
        pytest.param(
            edited(lambda m: setattr(m.graph.node[0], "domain", "com.evil")),
            "churn",
            1,
            "the model is refused: it has an operator of the domain 'com.evil'",
            marks=pytest.mark.case("S3", "another domain, at a model server"),
        ),
        pytest.param(
            edited(lambda m: m.graph.initializer.add(name="x", data_location=1)),
            "churn",
            1,
            "the data of a tensor lies in another file",
            marks=pytest.mark.case("S3", "external data, at a model server"),
        ),
        (
            edited(
                lambda m: setattr(
                    m.metadata_props[0], "value", '{"model": "churn", "version": 1, "encoding": 7}'
                )
            ),
            "churn",
            1,
            "encoding cannot be read",
        ),
        (DATA, "other", 1, "the file holds churn/v1, asked to serve other/v1"),
        (DATA, "churn", 2, "asked to serve churn/v2"),
        (edited(lambda m: m.ClearField("metadata_props")), "churn", 1, "has no metadata `kascade`"),
        (edited(lambda m: setattr(m.metadata_props[0], "value", "{")), "churn", 1, "is not JSON"),
        (
            edited(lambda m: setattr(m.metadata_props[0], "value", '{"model": "churn", "version": 1}')),
            "churn",
            1,
            "encoding cannot be read",
        ),
        (
            edited(
                lambda m: setattr(
                    m.metadata_props[0],
                    "value",
                    '{"model": "churn", "version": 1, "encoding": {"format": 99, "features": []}}',
                )
            ),
            "churn",
            1,
            "encoding format 99",
        ),
        (
            edited(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 3)),
            "churn",
            1,
            "cannot infer 2 encoded columns",
        ),
        (
            tiny_models.regressor(tiny_models.numbers("a"), model="churn"),
            "other",
            1,
            "the file holds churn/v1",
        ),
    ],
)
def test_a_file_that_is_not_the_model_is_refused(data: bytes, name: str, version: int, expected: str) -> None:
    with pytest.raises(ModelUnavailable, match=r".*") as caught:
        load(data, name, version, "0" * 64)

    assert expected in str(caught.value)


def test_a_classifier_without_probabilities_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="outputs are"):
        load(edited(lambda m: m.graph.output.pop()), "churn", 1, "0" * 64)


def test_another_file_than_the_approved_one_is_not_served(tmp_path: Path) -> None:
    approved = tiny_models.write(tmp_path, DATA)
    (tmp_path / "model.onnx").write_bytes(tiny_models.classifier(tiny_models.numbers("a", "c")))

    with pytest.raises(DigestMismatch) as caught:
        create_app(approved)

    assert caught.value.expected == hashlib.sha256(DATA).hexdigest()
    assert "it is not the approved model" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    gone = dataclasses.replace(tiny_models.write(tmp_path, DATA), uri=(tmp_path / "gone.onnx").as_uri())

    with pytest.raises(ModelUnavailable, match=r"gone\.onnx cannot be read: No such file"):
        create_app(gone)
