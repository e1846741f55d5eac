"""The other rules under dependence: a canary's pairs, labels that hang on answers, drift, harm, the gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from benchmarks.promises import betting
from benchmarks.promises.judging import POLICY, settle, shadow
from benchmarks.promises.streams import CHAMPION, Floats, independent, markov
from benchmarks.simulations.drift import _kolmogorov_smirnov
from functions.detect_drift.columns import number, table
from functions.detect_drift.effects import wasserstein
from functions.detect_drift.independent import every_nth, rows_apart, without_repeats
from functions.detect_drift.logic import Policy as DriftPolicy
from functions.detect_drift.logic import correct, spend
from functions.evaluate_model.bootstrap import paired_interval, widening
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.pairing import Waiting, pair
from functions.judge_rollout.wealth import SINGLE
from functions.watch_performance.sequential_test import SequentialTest, add_loss, in_blocks
from pipelines.label_requests import is_asked
from pipelines.metrics import METRICS
from pipelines.serial_dependence import independent_length, series_of


def seen_daily(rng: np.random.Generator, worse: float, *, once: bool, verdict: int = 1) -> bool:
    """Say whether 400 entities who each err in their own way promote it, seen on 30 days or once in all.

    Args:
        verdict: -1: whether they roll it back.
    """
    losses = independent(rng, 400, worse)
    own = losses.challenger - losses.champion
    days = 1 if once else 30
    differences = np.concatenate([rng.permutation(own) for _ in range(days)])
    return betting.judge(differences, SINGLE if once else None, POLICY)[0] == verdict


def stepping_canary(rng: np.random.Generator, worse: float, verdict: int = 1) -> bool:
    """Say whether a canary is promoted while both arms' error steps from 0.05 to 0.30 and back again.

    It does so every 1,500 requests.
    """
    waiting, found = Waiting(), []
    for request in range(40_000):
        base = 0.05 if request // 1_500 % 2 == 0 else 0.30
        arm: Arm = "challenger" if rng.random() < 0.1 else "champion"
        loss = float(rng.random() < base + (worse if arm == "challenger" else 0.0))
        waiting, difference = pair(waiting, {arm: loss}, period=0, group=POLICY.group)
        if difference is not None:
            found.append(difference)
    return betting.judge(np.array(found), SINGLE, POLICY)[0] == verdict


def selective_shadow(
    rng: np.random.Generator,
    worse: float,
    *,
    rows: int,
    kind: str,
    share: float,
    randomised: float | None = None,
) -> str:
    """Judge a shadow of a model with two classes whose labels hang on something.

    Args:
        kind: `own`, the challenger's own errors get a label in this share; `flagged`, what it flags;
            `blocked`, what the champion flags; `chance`, any prediction.
        randomised: a share of all predictions has its label whatever was answered.
    """
    losses = independent(rng, rows, worse)
    truth = rng.random(rows) < 0.3
    one, other = truth ^ (losses.champion > 0), truth ^ (losses.challenger > 0)
    asked = {
        "own": (losses.challenger > 0) & (losses.champion == 0),
        "flagged": other,
        "blocked": one,
        "chance": np.ones(rows, dtype=bool),
    }[kind]
    labelled = ~asked | (rng.random(rows) < share)
    policy, ids = replace(POLICY, randomised=randomised), list[str]()
    if randomised is not None:
        salt = int(rng.integers(1 << 30))
        ids = [f"{salt}-{number:06}" for number in range(rows)]
        labelled |= np.array([is_asked(each, randomised) for each in ids])
    answers = [(str(left), str(right)) for left, right in zip(one, other, strict=True)]
    return settle(shadow(losses, labelled.tolist(), answers, [None] * rows, ids or None), policy)


def false_drift(rng: np.random.Generator, *, kind: str, thinned: bool, windows: int = 15) -> bool:
    """Say whether any window without drift raises an alarm: 5 features, windows of 500 rows.

    Args:
        kind: `plain`; `twice` or `five times`, each row; `AR(1) 0.5` or `AR(1) 0.8`, each feature with that
            coefficient.
    """
    policy, features = DriftPolicy(), 5
    reference = rng.normal(size=(10_000, features))
    ordered = np.sort(reference, axis=0)
    for window in range(1, windows + 1):
        current = _window(rng, kind, 500, features)
        if thinned:
            current = _thinned(current)
        p_values = correct(_kolmogorov_smirnov(ordered, np.sort(current, axis=0)), policy.correction)
        for place, p_value in enumerate(p_values):
            if p_value <= spend(policy.alpha, window):
                effect = wasserstein(reference[:, place], current[:, place])
                if effect >= policy.min_effect:
                    return True
    return False


def _window(rng: np.random.Generator, kind: str, rows: int, features: int) -> Floats:
    times = {"twice": 2, "five times": 5}.get(kind, 1)
    found = np.repeat(rng.normal(size=(rows // times, features)), times, axis=0)
    if kind.startswith("AR(1) "):
        coefficient = float(kind.removeprefix("AR(1) "))
        for row in range(1, rows):
            found[row] = coefficient * found[row - 1] + np.sqrt(1 - coefficient**2) * found[row]
    return found


def _thinned(current: Floats) -> Floats:
    names = [f"x{place}" for place in range(current.shape[1])]
    data = pa.table(dict(zip(names, current.T, strict=True)))
    data = without_repeats(data, names, entity=None, unlike=True)
    apart = rows_apart(table(number(name, data.column(name).to_numpy()) for name in names))
    data = every_nth(data, apart)
    return np.column_stack([data.column(name).to_numpy() for name in names])


def harm_run(rng: np.random.Generator, *, rho: float, blocks: bool, most: int = 10_000) -> int:
    """Return after how many labels without harm there is an alarm, at the latest `most`.

    The error is the baseline itself, the hardest case. Blocks are learnt from a holdout of 1,000 rows.
    """
    losses = markov(rho)(rng, 1_000 + most, 0.0).champion.tolist()
    test = SequentialTest()
    if blocks:
        test = in_blocks(test, independent_length(series_of(losses[:1_000])))
    for loss in losses[1_000:]:
        test = add_loss(test, loss, baseline=CHAMPION)
        if not blocks and test.block > 1:
            test = SequentialTest(test.sums, test.n)
        if test.crossed is not None:
            return test.n
    return most


def gate_approves(rng: np.random.Generator, *, seed: int, widened: bool) -> bool:
    """Say whether the gate approves a model whose AUC is worse by the margin: 1,000 rows, 1 % positives."""
    truth = (rng.random(1_000) < 0.01).astype(np.int64)
    if truth.sum() < 2:
        return False
    shared = rng.normal(size=1_000)

    def scored(separation: float) -> Floats:
        score = separation * truth + np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=1_000)
        chance = 1 / (1 + np.exp(-score))
        return np.column_stack([1 - chance, chance])

    # An AUC of 0.90, and of 0.89.
    metric, champion, challenger = METRICS["roc_auc"], scored(1.8124), scored(1.7346)
    found = paired_interval(metric, truth, challenger, champion, resamples=200, seed=seed)
    if found is None:
        return False
    seen = metric.compute(truth, challenger) - metric.compute(truth, champion)
    low = found.low if widened else seen - (seen - found.low) / widening(truth)
    return bool(low > -0.01)
