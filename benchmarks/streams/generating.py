"""The streams: families of rows whose law changes in a known way, made from a seed and kept in .cache.

Rows are in the order of time. The rows of a family with another seed have other concepts, or other times of
change; those of seeds below `CONFIRMATION` are for choosing a policy, the others for confirming it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import Task

ROWS, FIRST = 10_000, 1_000
SEEDS, CONFIRMATION = 20, 10
CACHE = Path(__file__).parents[2] / ".cache" / "streams"

Kind = Literal["drift", "harmless"]
Rows = tuple[NDArray[np.float32], NDArray[Any]]


@dataclass(frozen=True)
class Family:
    """How to make a stream from a seed.

    `kind`: whether the relation of target and inputs changes. `estimator` is a name of the registry.
    """

    name: str
    make: Callable[[int], Rows]
    kind: Kind = "drift"
    estimator: str = "hist_gradient_boosting"
    task: Task = "classification"
    balanced: bool = False


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time: inputs [N, features], class positions or numbers [N]."""

    family: Family
    seed: int
    inputs: NDArray[np.float32]
    target: NDArray[Any]

    @property
    def classes(self) -> int | None:
        """How many classes there are; None for numbers."""
        return int(self.target.max()) + 1 if self.family.task == "classification" else None


def load(family: Family, seed: int) -> Stream:
    """Return a stream, from the cache if it was made before."""
    file = CACHE / f"{family.name}-{seed}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        inputs, target = family.make(seed)
        partial = file.with_suffix(".partial.npz")
        np.savez_compressed(partial, inputs=inputs, target=target)
        partial.replace(file)
    with np.load(file) as kept:
        return Stream(family, seed, kept["inputs"], kept["target"])


def weather(path: Path) -> Stream:
    """Read a stream from a CSV file whose last column is the target, of two classes."""
    with path.open(newline="") as lines:
        cells = np.array(list(csv.reader(lines))[1:], dtype=np.float64)
    family = Family("weather", lambda seed: _never(seed))
    return Stream(family, 0, cells[:, :-1].astype(np.float32), cells[:, -1].astype(np.int64))


def _never(seed: int) -> Rows:
    raise ValueError("this stream is read from a file")


def _taken(rows: Iterator[tuple[dict[str, Any], Any]], count: int) -> Rows:
    found = list(itertools.islice(rows, count))
    names = list(found[0][0])
    inputs = np.array([[float(row[name]) for name in names] for row, _ in found], dtype=np.float32)
    return inputs, np.array([target for _, target in found])


def _pieces(parts: Sequence[tuple[Any, int]]) -> Rows:
    """Take so many rows of each generator, one after the other."""
    made = [_taken(iter(generator), rows) for generator, rows in parts]
    return np.concatenate([x for x, _ in made]), np.concatenate([y for _, y in made]).astype(np.int64)


def _changes(rng: np.random.Generator, count: int) -> list[int]:
    """Return the lengths of `count` + 1 stretches, which vary by a third around equal ones."""
    even = ROWS / (count + 1)
    cuts = [int(even * (i + 1) + rng.uniform(-even / 3, even / 3)) for i in range(count)]
    return list(np.diff([0, *cuts, ROWS]))


def _mixed_gradually(before: Rows, after: Rows, centre: int, width: int, rng: np.random.Generator) -> Rows:
    """Draw each row from one of two streams, from the second ever more often."""
    rows = np.arange(ROWS)
    later = rng.random(ROWS) < 1 / (1 + np.exp(-4 * (rows - centre) / width))
    return np.where(later[:, None], after[0], before[0]), np.where(later, after[1], before[1])


def _sea(seed: int) -> Rows:
    from river.datasets import synth

    rng = np.random.default_rng(seed)
    variants = rng.permutation(4)
    parts = [
        (synth.SEA(variant=int(v), seed=seed * 10 + i, noise=0.1), n)
        for i, (v, n) in enumerate(zip(variants, _changes(rng, 3), strict=True))
    ]
    return _pieces(parts)


def _agrawal_abrupt(seed: int) -> Rows:
    from river.datasets import synth

    rng = np.random.default_rng(seed + 100)
    functions = rng.choice(10, 3, replace=False)
    parts = [
        (synth.Agrawal(classification_function=int(f), seed=seed * 10 + i, perturbation=0.05), n)
        for i, (f, n) in enumerate(zip(functions, _changes(rng, 2), strict=True))
    ]
    return _pieces(parts)


def _agrawal(function: int, seed: int) -> Any:
    from river.datasets import synth

    return synth.Agrawal(classification_function=function, seed=seed, perturbation=0.05)


def _agrawal_gradual(seed: int) -> Rows:
    rng = np.random.default_rng(seed + 200)
    before, after = (
        _taken(iter(_agrawal(int(f), seed * 10 + i)), ROWS)
        for i, f in enumerate(rng.choice(10, 2, replace=False))
    )
    return _mixed_gradually(before, after, int(rng.integers(4_000, 6_000)), 3_000, rng)


def _sine_recurring(seed: int) -> Rows:
    from river.datasets import synth

    rng = np.random.default_rng(seed + 300)
    first, second = rng.permutation([0, 2]) if seed % 2 else rng.permutation([1, 3])
    order = [first, second, first, second]
    parts = [
        (synth.Sine(classification_function=int(f), seed=seed * 10 + i, has_noise=False), n)
        for i, (f, n) in enumerate(zip(order, _changes(rng, 3), strict=True))
    ]
    inputs, target = _pieces(parts)
    return inputs, _noisy(target, 0.1, rng)


def _mixed_recurring(seed: int) -> Rows:
    from river.datasets import synth

    rng = np.random.default_rng(seed + 400)
    start = int(rng.integers(2))
    parts = [
        (synth.Mixed(classification_function=(start + i) % 2, seed=seed * 10 + i), n)
        for i, n in enumerate(_changes(rng, 2))
    ]
    inputs, target = _pieces(parts)
    return inputs, _noisy(target, 0.1, rng)


def _noisy(target: NDArray[Any], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.asarray(np.where(rng.random(len(target)) < share, 1 - target, target), dtype=np.int64)


def _hyperplane(seed: int) -> Rows:
    from river.datasets import synth

    made = synth.Hyperplane(
        n_features=8, n_drift_features=4, mag_change=0.001, sigma=0.1, noise_percentage=0.05, seed=seed
    )
    inputs, target = _taken(iter(made), ROWS)
    return inputs, target.astype(np.int64)


def _rbf(seed: int) -> Rows:
    from river.datasets import synth

    made = synth.RandomRBFDrift(
        seed_model=seed,
        seed_sample=seed + 1,
        n_classes=2,
        n_features=6,
        n_centroids=20,
        n_drift_centroids=10,
        change_speed=0.0005,
    )
    inputs, target = _taken(iter(made), ROWS)
    return inputs, target.astype(np.int64)


def _led_of(changed: int, seed: int) -> Any:
    from river.datasets import synth

    return synth.LEDDrift(seed=seed, noise_percentage=0.1, irrelevant_features=True, n_drift_features=changed)


def _led(seed: int) -> Rows:
    rng = np.random.default_rng(seed + 500)
    return _pieces(
        [
            (_led_of(changed, seed * 10), rows)
            for changed, rows in zip((0, 4, 7), _changes(rng, 2), strict=True)
        ]
    )


def _friedman(seed: int) -> Rows:
    from river.datasets import synth

    rng = np.random.default_rng(seed + 600)
    first, second, third = np.cumsum(_changes(rng, 3)[:3])
    kind = ("lea", "gra", "gsg")[seed % 3]
    position = (int(first), int(second), int(third)) if kind == "lea" else (int(first), int(third))
    made = synth.FriedmanDrift(drift_type=kind, position=position, seed=seed, transition_window=1_000)
    return _taken(iter(made), ROWS)


def _covariate(seed: int) -> Rows:
    """Inputs that wander while the relation stays; it is learnt from where they begin."""
    rng = np.random.default_rng(seed + 700)
    inputs = rng.normal(size=(ROWS, 6))
    inputs[:, :3] += np.linspace(0, 1, ROWS)[:, None] * rng.normal(0.7, 0.2, 3)
    weights = rng.normal(size=6)
    score = inputs @ weights + 0.7 * inputs[:, 0] * inputs[:, 1] - 0.5 * inputs[:, 2] ** 2
    return inputs.astype(np.float32), _noisy((score > 0).astype(np.int64), 0.08, rng)


def _none(seed: int) -> Rows:
    from river.datasets import synth

    made = synth.Agrawal(classification_function=seed % 10, seed=seed, perturbation=0.05)
    inputs, target = _taken(iter(made), ROWS)
    rng = np.random.default_rng(seed + 800)
    return inputs, _noisy(target.astype(np.int64), 0.1, rng)


def _rare(seed: int) -> Rows:
    """One row in a hundred is positive, and what makes it so changes twice."""
    rng = np.random.default_rng(seed + 900)
    inputs = rng.normal(size=(ROWS, 6))
    target = np.zeros(ROWS, dtype=np.int64)
    start = 0
    for length in _changes(rng, 2):
        part = slice(start, start + length)
        weights = rng.normal(size=6)
        score = inputs[part] @ weights / np.linalg.norm(weights) + rng.normal(0, 0.3, length)
        target[part] = score > np.quantile(score, 0.99)
        start += length
    return inputs.astype(np.float32), target


_ALL = (
    Family("sea, abrupt", _sea),
    Family("agrawal, abrupt", _agrawal_abrupt),
    Family("agrawal, gradual", _agrawal_gradual),
    Family("sine, recurring", _sine_recurring),
    Family("mixed, recurring", _mixed_recurring),
    Family("hyperplane, gradual", _hyperplane, estimator="logistic_regression"),
    Family("rbf, gradual", _rbf),
    Family("led, abrupt", _led, estimator="logistic_regression"),
    Family("friedman, numbers", _friedman, task="regression"),
    Family("rare, 1 %", _rare, balanced=True),
    Family("covariate only", _covariate, kind="harmless"),
    Family("no drift", _none, kind="harmless"),
)
FAMILIES = MappingProxyType({family.name: family for family in _ALL})
