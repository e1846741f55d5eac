"""Streams of pairs of losses, champion's and challenger's, whose labels depend on each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CHAMPION, BOTH = 0.10, 0.06
"""The champion's error, and how often both arms err on the same row."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of both arms on the same rows, in order: shape (rows,) each."""

    champion: Floats
    challenger: Floats


Draw = Callable[[np.random.Generator, int, float], Losses]
"""(rng, rows, by how much the challenger is worse) to losses."""


def independent(rng: np.random.Generator, rows: int, worse: float) -> Losses:
    """Draw each row by itself."""
    draw = rng.random(rows)
    champion = draw < CHAMPION
    challenger = (draw < BOTH) | ((draw >= CHAMPION) & (draw < 2 * CHAMPION + worse - BOTH))
    return Losses(champion.astype(np.float64), challenger.astype(np.float64))


def markov(rho: float) -> Draw:
    """Repeat the row before with a chance of rho, so that neighbours are correlated by rho."""

    def draw(rng: np.random.Generator, rows: int, worse: float) -> Losses:
        found = independent(rng, rows, worse)
        new = rng.random(rows) >= rho
        new[0] = True
        place = np.maximum.accumulate(np.where(new, np.arange(rows), 0))
        return Losses(found.champion[place], found.challenger[place])

    return draw


def twice(rng: np.random.Generator, rows: int, worse: float) -> Losses:
    """Bring every row twice."""
    found = independent(rng, (rows + 1) // 2, worse)
    return Losses(*(np.repeat(each, 2)[:rows] for each in (found.champion, found.challenger)))


def regimes(rng: np.random.Generator, rows: int, worse: float, *, seen: bool = True) -> Losses:
    """Let two regimes of a mean length of 500 take turns: the challenger is better in one, worse in another.

    Args:
        seen: the champion's error is another in each as well (0.15 and 0.05).
    """
    state = (np.cumsum(rng.random(rows) < 1 / 500) + rng.integers(2)) % 2
    of_champion = np.where(state == 0, 0.15, 0.05) if seen else np.full(rows, CHAMPION)
    of_challenger = of_champion + worse + np.where(state == 0, -0.06, 0.06)
    both, draw = 0.6 * np.minimum(of_champion, of_challenger), rng.random(rows)
    champion = draw < of_champion
    challenger = (draw < both) | ((draw >= of_champion) & (draw < of_champion + of_challenger - both))
    return Losses(champion.astype(np.float64), challenger.astype(np.float64))


def hidden_regimes(rng: np.random.Generator, rows: int, worse: float) -> Losses:
    """The same, but the champion's losses show nothing of it."""
    return regimes(rng, rows, worse, seen=False)


@cache
def losses_of_models(path: Path) -> Floats:
    """Train twelve models of four kinds on three windows of a stream's first 2,000 rows.

    Returns their losses on all later rows, in order, shape (models, rows).
    """
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    table = pd.read_csv(path)
    features, target = table.iloc[:, :-1].to_numpy(), table.iloc[:, -1].to_numpy()
    found = []
    for first, last in ((0, 2_000), (0, 1_000), (1_000, 2_000)):
        for model in (
            make_pipeline(StandardScaler(), LogisticRegression()),
            DecisionTreeClassifier(max_depth=5, random_state=0),
            GaussianNB(),
            HistGradientBoostingClassifier(max_iter=40, random_state=0),
        ):
            model.fit(features[first:last], target[first:last])
            found.append(model.predict(features[2_000:]) != target[2_000:])
    return np.array(found, dtype=np.float64)


def real(path: Path, *, shuffled: bool = False) -> Draw:
    """Draw a pair of models and a place to start in a real stream that goes round.

    The challenger's losses are moved by a constant, so that it is worse by exactly what is asked for; both
    arms' are shrunk by as much as keeps them in [0, 1].
    """
    models = losses_of_models(path)
    pairs = [
        (i, j)
        for i in range(len(models))
        for j in range(len(models))
        if i != j and abs(models[i].mean() - models[j].mean()) < 0.045
    ]

    def draw(rng: np.random.Generator, rows: int, worse: float) -> Losses:
        one, other = pairs[rng.integers(len(pairs))]
        start = rng.integers(models.shape[1])
        order = (np.arange(rows) + start) % models.shape[1]
        if shuffled:
            order = rng.permutation(models.shape[1])[order]
        move = worse - (models[other].mean() - models[one].mean())
        champion, challenger = models[one][order], models[other][order]
        return Losses(champion + max(-move, 0.0), challenger + max(move, 0.0))

    return draw
