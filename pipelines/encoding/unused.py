"""What a model does not read, of the features that requests may carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipelines.encoding.categories import label_of
from pipelines.encoding.columns import Matrix, Values


@dataclass(frozen=True)
class Unused:
    """No column: a feature of the data that the model leaves out.

    Clients of another version may send it, or not. Where they do it is logged, so each value is a scalar.
    """

    method: ClassVar[str] = "unused"

    @property
    def width(self) -> int:
        """None."""
        return 0

    def encode(self, values: Values) -> Matrix:
        """Return [N, 0]. Raises: BadCell at the first value that is no scalar."""
        if not isinstance(values, np.ndarray) or values.dtype == object:
            for row, value in enumerate(values):
                label_of(row, value)
        return np.empty((len(values), 0), dtype=np.float32)

    def params(self) -> dict[str, Any]:
        """Nothing is learnt."""
        return {}
