"""Rows as plain numbers for detectors of drift and outliers, which know no model: set by reference values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_CATEGORIES = 20


@dataclass(frozen=True)
class Standard:
    """Standardises numbers; a missing one, NaN, becomes the reference's median."""

    middle: float
    mean: float
    unit: float

    @classmethod
    def of(cls, known: Floats) -> Standard:
        """Set the scale by reference values [N], none of them missing."""
        return cls(float(np.median(known)), float(known.mean()), float(known.std()) or 1.0)

    def encode(self, values: Floats) -> Floats:
        """Return the values [N] standardised."""
        scaled: Floats = (np.where(np.isnan(values), self.middle, values) - self.mean) / self.unit
        return scaled


@dataclass(frozen=True)
class Frequent:
    """Gives each of the reference's most frequent categories, at most `MAX_CATEGORIES`, a column."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, known: Iterable[str]) -> Frequent:
        """Take the categories from reference values, none of them missing."""
        return cls(tuple(sorted(name for name, _ in Counter(known).most_common(MAX_CATEGORIES))))

    def encode(self, values: Iterable[str | None]) -> Floats:
        """Return 1 where a value is the column's category, [N, names]."""
        column: NDArray[Any] = np.array([*values, None], dtype=object)[:-1]
        found: Floats = (column[:, None] == np.array(self.names, dtype=object)[None, :]).astype(np.float64)
        return found
