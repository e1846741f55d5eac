"""One positive in a hundred: what gate and judge make of it, by the plain and the balanced loss."""

from __future__ import annotations

import numpy as np

from benchmarks.promises import betting
from benchmarks.promises.judging import POLICY, VERDICTS
from functions.evaluate_model.bootstrap import paired_interval
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.wealth import SINGLE
from pipelines.class_costs import class_costs
from pipelines.loss import mean_cost

_CLASSES, _ROWS = (0, 1), np.array([990, 10])
RECALL, FALSE_POSITIVES = 0.8, 0.02
"""Of a model that finds positives."""


def never_yes(rng: np.random.Generator, *, balanced: bool, rows: int = 20_000) -> str:
    """Judge a challenger that never says yes against a champion that finds positives."""
    truth = rng.random(rows) < 0.01
    champion = np.where(truth, rng.random(rows) >= RECALL, rng.random(rows) < FALSE_POSITIVES)
    costs = class_costs("balanced" if balanced else "zero_one", _CLASSES, _ROWS)
    of_class = np.ones(2) if costs is None else np.array(costs.weights)
    differences = (truth * 1.0 - champion) * of_class[truth.astype(int)]
    unit = 1.0 if costs is None else costs.unit
    policy = Policy(POLICY.margin * unit, label_window=POLICY.label_window, deadline=POLICY.deadline)
    return VERDICTS[betting.judge(differences, SINGLE, policy)[0]]


def gate_approves_by_loss(rng: np.random.Generator, *, seed: int, margin: float = 0.1) -> bool:
    """Say whether the gate approves a model whose balanced loss is worse by the margin: 1,000 rows."""
    truth = (rng.random(1_000) < 0.01).astype(np.int64)
    costs = class_costs("balanced", _CLASSES, _ROWS)
    if truth.sum() < 2 or costs is None:
        return False
    shared = rng.random(1_000)

    def answers(recall: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        draw = np.where(rng.random(1_000) < 0.7, shared, rng.random(1_000))
        yes = np.where(truth == 1, draw < recall, draw < FALSE_POSITIVES)
        return np.column_stack([1.0 - yes, yes])

    # One in ten of the positives is a tenth of what the best constant answer loses.
    champion, challenger = answers(RECALL), answers(RECALL - margin)
    found = paired_interval(
        mean_cost(costs), truth, challenger, champion, resamples=200, seed=seed, costs=costs
    )
    return found is not None and found.low > -margin
