"""Shapley values of a model's features: what each adds to one answer, against a background of training rows.

The value of a set of features is the model's mean answer when those have the row's values and the others have
the background rows' own (Lundberg and Lee 2017, "A unified approach to interpreting model predictions", the
interventional form). A feature is all of its encoded columns at once. With few features every set is asked
for, and the values are exact; with many, sets along random orders of the features, each order and its
reverse (Mitchell et al. 2022, "Sampling permutations for Shapley value estimation"). Either way the
contributions add up to the answer less the base, and those of a model that adds its features up are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Numbers = NDArray[np.float64]
Answer = Callable[[Matrix], Numbers]

EXACT = 8
"""At most so many features are explained by all sets of them."""
ORDERS, STEPS = 16, 2048
"""So many orders, but fewer where the features of all of them together are more than so many."""
BLOCK_CELLS = 1 << 18


@dataclass(frozen=True)
class Sets:
    """The sets of features that are asked for, and how their values make contributions.

    Attributes:
        members: [sets, features]; the first is empty, the last has all.
        weights: [features, sets]: a feature's contribution is its weights times the sets' values.
    """

    members: NDArray[np.bool_]
    weights: Numbers


@cache
def sets_of(features: int) -> Sets:
    """Return the sets that explain a model of so many features; the same each time."""
    return _all_sets(features) if features <= EXACT else _along_orders(features)


def _all_sets(features: int) -> Sets:
    count = 1 << features
    members = (np.arange(count)[:, None] >> np.arange(features)) & 1 == 1
    sizes = members.sum(axis=1)
    total = factorial(features)
    joining = np.array(
        [factorial(size) * factorial(features - size - 1) / total for size in range(features)] + [0.0]
    )
    weights = np.empty((features, count))
    for feature in range(features):
        has = members[:, feature]
        weights[feature] = np.where(has, joining[sizes - 1], -joining[sizes])
    return Sets(members, weights)


def _along_orders(features: int) -> Sets:
    rng = np.random.default_rng(0)
    orders = 2 * max(1, min(ORDERS, STEPS // features) // 2)
    rows: dict[bytes, int] = {}
    members: list[NDArray[np.bool_]] = []

    def place(of: NDArray[np.bool_]) -> int:
        if of.tobytes() not in rows:
            rows[of.tobytes()] = len(members)
            members.append(of.copy())
        return rows[of.tobytes()]

    place(np.zeros(features, dtype=bool))
    steps: list[tuple[int, int, int]] = []
    for _ in range(orders // 2):
        order = rng.permutation(features)
        for each in (order, order[::-1]):
            of = np.zeros(features, dtype=bool)
            before = place(of)
            for feature in each:
                of[feature] = True
                after = place(of)
                steps.append((int(feature), before, after))
                before = after
    weights = np.zeros((features, len(members)))
    for feature, before, after in steps:
        weights[feature, after] += 1 / orders
        weights[feature, before] -= 1 / orders
    full = rows[np.ones(features, dtype=bool).tobytes()]
    order_of_sets = [index for index in range(len(members)) if index != full] + [full]
    return Sets(np.array(members)[order_of_sets], weights[:, order_of_sets])


def contributions(
    answer: Answer,
    row: Matrix,
    background: Matrix,
    columns: Sequence[slice],
    check: Callable[[], None] = lambda: None,
) -> tuple[Numbers, Numbers, Numbers]:
    """Explain one row.

    Args:
        answer: the model: [N, width] to [N, outputs].
        row: the encoded row [width].
        background: encoded rows of training data [B, width].
        columns: the encoded columns of each feature.
        check: is called before each block of rows; what it raises ends the work.

    Returns: the base [outputs], the contributions [features, outputs], and the answer to the row [outputs].
    """
    sets = sets_of(len(columns))
    owner = np.zeros(len(row), dtype=np.int64)
    for feature, its in enumerate(columns):
        owner[its] = feature
    masks = sets.members[:, owner]  # [sets, width]
    at_once = max(1, BLOCK_CELLS // max(1, background.size))
    means = []
    for start in range(0, len(masks), at_once):
        check()
        some = masks[start : start + at_once, None, :]
        mixed = np.where(some, row, background).reshape(-1, len(row)).astype(np.float32, copy=False)
        answers = answer(mixed)
        means.append(answers.reshape(some.shape[0], len(background), -1).mean(axis=1))
    values = np.concatenate(means)
    return values[0], sets.weights @ values, values[-1]
