"""What a wrong answer of a classifier costs, in [0, 1]: fixed at training, and kept on the card.

`balanced`: an error costs as much more as its true class is rarer than the rarest, so each class counts
alike. Costs of model.yaml: as they stand, as shares of the largest.

Both leave mean losses that say little by themselves: `unit` is the mean loss of the class that, always
answered, costs least. Margins are shares of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipelines.spec.losses import Costs, Named, spell
from pipelines.values.reading import read_label

RAREST = 0.005
"""A class rarer than this share counts as one of this share: else hardly any other's errors would count."""


class ClassCosts(BaseModel):
    """Costs by the positions of classes.

    Attributes:
        said: `rollout.loss` as model.yaml has it.
        weights: of each true class, what any wrong answer costs.
        pairs: (true, answered, cost) where it costs something else.
        unit: mean loss of the best answer that is always the same, on the training rows.
    """

    model_config = ConfigDict(frozen=True)

    said: str
    weights: tuple[float, ...]
    pairs: tuple[tuple[int, int, float], ...] = ()
    unit: float = Field(gt=0, le=1)

    def matrix(self) -> NDArray[np.float64]:
        """Return the costs [true, answered]."""
        found = np.repeat(np.array(self.weights)[:, None], len(self.weights), axis=1)
        np.fill_diagonal(found, 0.0)
        for true, answered, cost in self.pairs:
            found[true, answered] = cost
        return found

    def by_name(self, classes: Sequence[Any]) -> Mapping[tuple[str, str], float]:
        """Return the costs of wrong answers by the names of the true class and of the answered one."""
        names, matrix = [name_of(each) for each in classes], self.matrix()
        return {
            (true, answered): float(matrix[i, j])
            for i, true in enumerate(names)
            for j, answered in enumerate(names)
            if i != j
        }


def name_of(value: Any) -> str:
    """Return a class as model.yaml and labels name it: true in small letters, 1.0 as 1."""
    return read_label(value) or str(value)


def class_costs(loss: Named | Costs, classes: Sequence[Any], rows: NDArray[np.int64]) -> ClassCosts | None:
    """Return the costs that a model.yaml asks for; None where each error counts 1.

    Args:
        classes: in the model's order.
        rows: of the training data, of each class [classes].

    Raises:
        KeyError: it names a class that there is not.
        ValueError: no answer costs anything, or one that is always the same costs nothing.
    """
    if loss == "zero_one":
        return None
    shares = np.maximum(rows, 1) / np.maximum(rows, 1).sum()
    if isinstance(loss, str):
        counted = np.maximum(shares, RAREST)
        weights, pairs = counted.min() / counted, list[tuple[int, int, float]]()
    else:
        place = {name_of(each): index for index, each in enumerate(classes)}
        costs = {(place[t], place[a]): cost for t, row in loss.items() for a, cost in row.items() if t != a}
        named = len(costs) == len(classes) * (len(classes) - 1)
        most = max([*costs.values(), 0.0 if named else 1.0])
        if most <= 0:
            raise ValueError("no wrong answer costs anything")
        weights = np.full(len(classes), 1.0 / most if most >= 1.0 else 1.0)
        pairs = [(true, answered, cost / most) for (true, answered), cost in costs.items()]
    made = ClassCosts(
        said=spell(loss),
        weights=tuple(float(each) for each in weights),
        pairs=tuple(pairs),
        unit=1.0,
    )
    unit = float((shares @ made.matrix()).min())
    if unit <= 0:
        raise ValueError("one class can always be answered at no cost")
    return made.model_copy(update={"unit": unit})
