"""The classes of a classifier as one type, so that serving and scoring a file answer the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def class_labels(classes: Sequence[Any]) -> NDArray[Any]:
    """Return the classes [N]: whole numbers, truth values, numbers, or else texts as objects."""
    kinds = {type(value) for value in classes}
    if kinds == {int}:
        return np.array(classes, dtype=np.int64)
    if kinds == {bool}:
        return np.array(classes, dtype=np.bool_)
    if kinds <= {int, float}:
        return np.array(classes, dtype=np.float64)
    return np.array([str(value) for value in classes], dtype=object)
