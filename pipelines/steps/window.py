"""Chooses how much of the past is learnt from: the best of each estimator is fitted to several windows.

Rows are in the order of their timestamps, or of their arrival where they have none. Which windows are tried,
and how clear a difference must be, is `pipelines.windows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines import windows
from pipelines.encoding import Encoding
from pipelines.errors import FitError, StepError
from pipelines.estimators import find
from pipelines.estimators.build import predict, train
from pipelines.loss import clipped, loss_scale, zero_one
from pipelines.metrics import METRICS
from pipelines.steps import files
from pipelines.steps.plan import REGISTERED, is_own_code

MAX_ROWS = 200_000
"""Windows are compared on a sample of so many rows; the final fit uses all."""

MAX_SEARCHED = 20_000
"""A change is looked for in so many of the newest rows."""

LEAST_HELD = 100
"""So many rows of the holdout judge a version, if it has them, however short the window is."""

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The window, the experiment that is best in it, and why.

    Attributes:
        experiment: one of the results.
        rows: positions in the training matrix, oldest first.
        held: positions in the holdout that are as new, by which the version is judged.
        about: what the card says.
    """

    experiment: Mapping[str, Any]
    rows: NDArray[np.int64]
    held: NDArray[np.int64]
    about: dict[str, Any]


def choose_window(prepared: Path, best: Mapping[str, Any], results: Sequence[Result]) -> Chosen:
    """Return the window to learn from.

    Args:
        best: the result that cross-validation on all rows found best.
        results: of all experiments.
    """
    rows = _Rows.read(prepared)
    count = len(rows.order)
    if best["estimator"] == REGISTERED:
        return rows.whole(best, "it was made elsewhere")
    if not rows.facts["auto_window"]:
        return rows.whole(best, "train.window in model.yaml")
    if is_own_code(best["estimator"]):
        return rows.whole(best, "train.code is given all rows")
    if count < windows.LEAST_ROWS:
        return rows.whole(best, "too few rows to compare windows")
    change = _last_change(rows, best)
    lengths = windows.lengths(count, change=change, classes=rows.classes)
    newest = windows.newest_rows(count, change)
    spans = [windows.fitted_to(count, length, newest, change) for length in lengths]
    finalists = _finalists(best, results, rows.facts["metric"])
    tried = _measure(rows, list(zip(lengths, spans, strict=True)), newest, finalists)
    found = windows.choose([each.losses for each in tried], weights=rows.weights(newest))
    chosen = tried[found.index]
    held = np.arange(len(rows.ages)) if chosen.length == count else rows.held_since(count - chosen.length)
    listed = [
        {"rows": each.length, "estimator": each.experiment["estimator"], "loss": mean}
        for each, mean in zip(tried, found.means, strict=True)
    ]
    about = {
        "rows": chosen.length,
        "of": count,
        "newest": newest,
        "reason": _reason(chosen.length, count, change),
        "tried": listed,
    }
    return Chosen(chosen.experiment, np.sort(rows.order[-chosen.length :]), held, about)


def _reason(rows: int, of: int, change: int | None) -> str:
    since = "" if change is None else f"; losses changed {of - change} rows ago"
    if rows == of:
        return f"no shorter window is clearly better on the newest rows{since}"
    return f"clearly better on the newest rows than longer windows{since}"


@dataclass(frozen=True)
class _Tried:
    length: int
    experiment: Mapping[str, Any]
    losses: NDArray[np.float64]


@dataclass(frozen=True)
class _Rows:
    """The training rows, as `features` left them.

    Attributes:
        order: positions in the matrix, oldest first.
        ages: before how many rows of training each row of the holdout came.
    """

    facts: Mapping[str, Any]
    matrix: NDArray[np.float32]
    target: NDArray[Any]
    order: NDArray[np.int64]
    ages: NDArray[np.int64]
    held_target: NDArray[Any]

    @classmethod
    def read(cls, prepared: Path) -> _Rows:
        """Read what a training goes by."""
        return cls(
            files.read_json(prepared / files.PREPARED),
            files.read_array(prepared / files.TRAIN_MATRIX),
            np.load(prepared / files.TRAIN_TARGET),
            np.load(prepared / files.TRAIN_ORDER),
            np.load(prepared / files.HOLDOUT_AGES),
            np.load(prepared / files.HOLDOUT_TARGET),
        )

    @property
    def classes(self) -> NDArray[Any] | None:
        """The class of each row, oldest first; None for numbers."""
        return None if self.facts["classes"] is None else self.target[self.order]

    def whole(self, experiment: Mapping[str, Any], why: str) -> Chosen:
        """Return the choice of all rows."""
        count = len(self.order)
        about = {"rows": count, "of": count, "newest": 0, "reason": why, "tried": []}
        return Chosen(experiment, np.arange(count), np.arange(len(self.ages)), about)

    def weights(self, newest: int) -> NDArray[np.float64] | None:
        """Return how much each of the newest rows counts: all classes alike where they are weighed."""
        if not self.facts["balanced"]:
            return None
        return np.asarray(1.0 / np.bincount(self.target)[self.target[self.order[-newest:]]])

    def held_since(self, first: int) -> NDArray[np.int64]:
        """Return the part of the holdout that came after so many rows; more where that is too little."""
        newest_first = np.argsort(-self.ages, kind="stable")
        count = max(int(np.sum(self.ages >= first)), min(LEAST_HELD, len(self.ages)))
        while self.facts["classes"] is not None and count < len(self.ages):
            kept, every = self.held_target[newest_first[:count]], np.bincount(self.held_target)
            if np.all(np.bincount(kept, minlength=len(every)) >= np.minimum(every, 2)):
                break
            count = min(len(self.ages), 2 * count)
        return np.sort(newest_first[:count])

    def losses(
        self, experiment: Mapping[str, Any], rows: NDArray[np.int64], of: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Fit to some rows, and return the loss of others; 1, the most, where that cannot be."""
        estimator = find(experiment["estimator"], self.facts["task"])
        if estimator is None:
            name = experiment["estimator"]
            raise StepError(f"'{name}' is no allowed estimator", "correct train.candidates")
        if len(rows) > MAX_ROWS:
            chosen = np.random.default_rng(self.facts["seed"]).choice(len(rows), MAX_ROWS, replace=False)
            rows = rows[np.sort(chosen)]
        classes, answer = self.facts["classes"], Encoding.from_json(self.facts["encoding"]).answer
        target = self.target[rows]
        try:
            pipeline = train(
                estimator,
                experiment["parameters"],
                self.matrix[rows],
                target if classes is not None else answer.apply(target),
                seed=self.facts["seed"],
                balanced=self.facts["balanced"],
            )
            predicted = predict(pipeline, self.matrix[of], None if classes is None else len(classes))
        except FitError:
            return np.ones(len(of))
        if classes is not None:
            return np.asarray(zero_one(predicted.argmax(axis=1), self.target[of]), dtype=np.float64)
        return np.asarray(clipped(answer.undo(predicted), self.target[of], loss_scale(self.target)))


def _last_change(rows: _Rows, best: Mapping[str, Any]) -> int | None:
    """Return before how many rows the loss last changed, each row's of a model fitted without it."""
    recent = rows.order[-MAX_SEARCHED:]
    fold = np.arange(len(recent)) % windows.FOLDS
    losses = np.empty(len(recent))
    for each in range(windows.FOLDS):
        losses[fold == each] = rows.losses(best, recent[fold != each], recent[fold == each])
    found = windows.last_change(losses)
    return None if found is None else len(rows.order) - len(recent) + found


def _measure(
    rows: _Rows, spans: Sequence[tuple[int, slice]], newest: int, finalists: Sequence[Mapping[str, Any]]
) -> list[_Tried]:
    """Fit each finalist for each window, given by its length; of each window the better one counts.

    Args:
        spans: with each length what is fitted to.
    """
    found, judged = [], rows.order[-newest:]
    weights = rows.weights(newest)
    for length, span in spans:
        each = [_Tried(length, one, rows.losses(one, rows.order[span], judged)) for one in finalists]
        found.append(min(each, key=lambda tried: float(np.average(tried.losses, weights=weights))))
    return found


def _finalists(best: Mapping[str, Any], results: Sequence[Result], metric: str) -> list[Mapping[str, Any]]:
    """Return the best experiment, and that of each other estimator; the owner's code is fitted only once."""
    found: dict[str, Mapping[str, Any]] = {best["estimator"]: best}
    score = METRICS[metric].score
    measured = [each for each in results if each["mean"] is not None and not is_own_code(each["estimator"])]
    for each in sorted(measured, key=lambda each: -score(each["mean"])):
        found.setdefault(each["estimator"], each)
    return list(found.values())
