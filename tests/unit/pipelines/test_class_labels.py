"""Classes are one type, whatever JSON they were."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.class_labels import class_labels


@pytest.mark.parametrize(
    ("classes", "kind", "expected"),
    [
        ([0, 1, 2], "i", [0, 1, 2]),
        ([False, True], "b", [False, True]),
        ([1, 2.5], "f", [1.0, 2.5]),
        (["no", "yes"], "O", ["no", "yes"]),
        ([1, "yes"], "O", ["1", "yes"]),
        ([True, 2], "O", ["True", "2"]),
    ],
)
def test_classes_have_one_type(classes: list[Any], kind: str, expected: list[Any]) -> None:
    found = class_labels(classes)
    assert found.dtype.kind == kind
    assert found.tolist() == expected
