"""How often the judge is wrong, and how soon it decides: many simulated rollouts."""

from __future__ import annotations

import numpy as np

from benchmarks.simulations.betting import Ends, Floats, run
from benchmarks.simulations.figures import Figure

CHAMPION = 0.10
# The challenger's error: better, equal, worse by exactly the margin, and worse by more.
BETTER, EQUAL, BOUNDARY, WORSE = 0.08, 0.10, 0.11, 0.13
# In a shadow both err together this often: the easier rows are easy for both.
_BOTH_OF_CHAMPION = 0.6


def shadow(challenger: float, *, rollouts: int, labels: int, seed: int) -> Ends:
    """Judge paired differences: one label scores both arms."""
    return run(paired(challenger, (rollouts, labels), np.random.default_rng(seed)))


def canary(challenger: float, *, rollouts: int, labels: int, seed: int) -> Ends:
    """Judge a 90/10 split: each challenger label against the mean of 9 champion labels."""
    rng = np.random.default_rng(seed)
    ours = (rng.random((rollouts, labels)) < challenger).astype(np.float64)
    return run(ours - rng.binomial(9, CHAMPION, (rollouts, labels)) / 9)


def paired(challenger: float, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Draw paired differences of loss, -1, 0 or 1."""
    both = _BOTH_OF_CHAMPION * CHAMPION
    draw = rng.random(shape)
    only_champion, only_challenger = CHAMPION - both, challenger - both
    worse = (draw >= only_champion) & (draw < only_champion + only_challenger)
    return np.where(draw < only_champion, -1.0, np.where(worse, 1.0, 0.0))


def repeated(times: int, *, rollouts: int, labels: int, seed: int) -> Ends:
    """Judge a challenger at the boundary whose every label comes `times` times in a row."""
    once = paired(BOUNDARY, (rollouts, labels // times), np.random.default_rng(seed))
    return run(np.repeat(once, times, axis=1))


def unlabelled_errors(share: float, *, rollouts: int, labels: int, seed: int) -> tuple[Ends, Floats]:
    """Judge a canary at the boundary whose challenger's errors are labelled only `share` as often.

    Returns how it ended, and the gap of coverage at the end of each rollout.
    """
    rng = np.random.default_rng(seed)
    # Of the challenger's labels that are left, so many are errors.
    left = BOUNDARY * share / (BOUNDARY * share + 1 - BOUNDARY)
    ends = canary(left, rollouts=rollouts, labels=labels, seed=seed)
    # Each label that is left stands for so many predictions.
    lost = rng.negative_binomial(ends.scores, 1 - BOUNDARY * (1 - share))
    return ends, np.asarray(lost / (ends.scores + lost), dtype=np.float64)


def evenly_unlabelled(coverage: float, *, rollouts: int, labels: int, seed: int) -> float:
    """Return how often a better canary, both arms labelled alike, ends inconclusive by coverage."""
    rng = np.random.default_rng(seed)
    ends = canary(BETTER, rollouts=rollouts, labels=labels, seed=seed)
    ours = ends.scores / (ends.scores + rng.negative_binomial(ends.scores, coverage))
    theirs = 9 * ends.scores / (9 * ends.scores + rng.negative_binomial(9 * ends.scores, coverage))
    return float(np.mean((ends.verdict == 1) & (np.abs(ours - theirs) > 0.005)))


def peeking_z_test(*, rollouts: int, labels: int, every: int, seed: int) -> float:
    """Return how often a z-test at 0.05, looked at every so many labels, rolls back an equal model."""
    sums = np.cumsum(paired(EQUAL, (rollouts, labels), np.random.default_rng(seed)), axis=1)
    squares = np.cumsum(paired(EQUAL, (rollouts, labels), np.random.default_rng(seed)) ** 2, axis=1)
    looks = np.arange(every, labels + 1, every) - 1
    z = sums[:, looks] / np.sqrt(np.maximum(squares[:, looks], 1.0))
    return float(np.mean((z > 1.645).any(axis=1)))


def figures(*, seed: int, scale: float) -> list[Figure]:
    """Return the judge's table; `scale` 1 is 4,000 rollouts for each row."""
    n = max(int(4_000 * scale), 20)
    rows = []
    for phase, simulate, labels in (("shadow", shadow, 5_000), ("canary", canary, 5_000)):
        for name, error in (("better by 0.02", BETTER), ("equal", EQUAL), ("worse by 0.03", WORSE)):
            ends = simulate(error, rollouts=n, labels=labels, seed=seed)
            rows.append(_row(f"{phase}, challenger {name}", ends, n))
        boundary = simulate(BOUNDARY, rollouts=n, labels=labels, seed=seed + 1)
        rows.append(_row(f"{phase}, challenger worse by the margin, 0.01", boundary, n))
    rows += _broken(n, seed)
    return rows


def _row(case: str, ends: Ends, rollouts: int) -> Figure:
    decided = ends.verdict != 0
    median = f"{np.median(ends.scores[decided]):,.0f}" if decided.any() else "–"
    return Figure(
        case,
        f"promoted {ends.share(1):.1%}, rolled back {ends.share(-1):.1%}; median labels of those {median}",
        f"{rollouts:,} rollouts of at most {5_000:,} labels",
    )


def _broken(n: int, seed: int) -> list[Figure]:
    made = f"{n:,} rollouts"
    five = repeated(5, rollouts=n, labels=5_000, seed=seed)
    once = repeated(1, rollouts=n, labels=1_000, seed=seed)
    lost, gap = unlabelled_errors(0.8, rollouts=n, labels=5_000, seed=seed)
    passed = float(np.mean((lost.verdict == 1) & (gap <= 0.005)))
    even = evenly_unlabelled(0.9, rollouts=n, labels=5_000, seed=seed)
    z = peeking_z_test(rollouts=n, labels=5_000, every=100, seed=seed)
    return [
        Figure("at the margin, each label five times: promoted", f"{five.share(1):.1%}", made),
        Figure("the same with one label per entity: promoted", f"{once.share(1):.1%}", made),
        Figure("at the margin, its errors labelled 80 % as often: promoted", f"{lost.share(1):.1%}", made),
        Figure("the same with the coverage rule: promoted", f"{passed:.1%}", made),
        Figure(
            "better canary, both arms labelled 90 %: inconclusive by the coverage rule", f"{even:.1%}", made
        ),
        Figure("for comparison, a z-test looked at every 100 labels: equal rolled back", f"{z:.1%}", made),
    ]
