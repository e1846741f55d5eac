"""How often the judge is wrong, and how soon it decides: many simulated rollouts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.simulations.betting import Ends, Floats, run
from benchmarks.simulations.figures import Figure

Coverages = npt.NDArray[np.bool_]

CHAMPION = 0.10
# The challenger's error: better, equal, worse by exactly the margin, and worse by more.
BETTER, EQUAL, BOUNDARY, WORSE = 0.08, 0.10, 0.11, 0.13
_MARGIN = 0.01
# After a won bet coverage is compared at once, and each time the challenger's predictions have doubled.
DOUBLINGS = 3
# In a shadow both err together this often: the easier rows are easy for both.
_BOTH_OF_CHAMPION = 0.6


def shadow(challenger: float, *, rollouts: int, labels: int, seed: int) -> Ends:
    """Judge paired differences: one label scores both arms."""
    return run(paired(challenger, (rollouts, labels), np.random.default_rng(seed)))


def probation(challenger: float, *, rollouts: int, labels: int, seed: int) -> Ends:
    """Judge paired differences where the challenger serves already."""
    return run(paired(challenger, (rollouts, labels), np.random.default_rng(seed)), probation=True)


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


def unlabelled_errors(
    share: float, *, coverage: float = 1.0, rollouts: int, labels: int, seed: int
) -> tuple[Ends, Coverages]:
    """Judge a canary at the boundary whose errors are labelled only `share` as often as the rest."""
    # Of the challenger's labels that are left, so many are errors.
    left = BOUNDARY * share / (BOUNDARY * share + 1 - BOUNDARY)
    ends = canary(left, rollouts=rollouts, labels=labels, seed=seed)
    return ends, coverages(ends, coverage, coverage * (1 - BOUNDARY * (1 - share)), seed=seed)


def evenly_unlabelled(coverage: float, *, rollouts: int, labels: int, seed: int) -> tuple[Ends, Coverages]:
    """Judge a better canary of which both arms are labelled alike."""
    ends = canary(BETTER, rollouts=rollouts, labels=labels, seed=seed)
    return ends, coverages(ends, coverage, coverage, seed=seed)


def coverages(ends: Ends, champion: float, challenger: float, *, seed: int) -> Coverages:
    """Say at each comparison of the arms' coverage whether a won canary is promoted there.

    Args:
        champion, challenger: chance of a label for a prediction of each arm.

    Returns an array of shape (1 + doublings, rollouts), each True at the first comparison that is even.
    """
    rng = np.random.default_rng(seed)
    ours = ends.scores + rng.negative_binomial(ends.scores, challenger)
    labelled, theirs = ends.scores, 9 * ours
    their_labelled = rng.binomial(theirs, champion)
    even = []
    for _ in range(1 + DOUBLINGS):
        gap = np.abs(labelled / ours - their_labelled / theirs)
        even.append((ends.verdict == 1) & (gap <= _MARGIN / 2))
        labelled = labelled + rng.binomial(ours, challenger)
        their_labelled = their_labelled + rng.binomial(theirs, champion)
        ours, theirs = 2 * ours, 2 * theirs
    return np.logical_or.accumulate(np.array(even), axis=0)


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
    for name, error in (("equal", EQUAL), ("worse by the margin, 0.01", BOUNDARY), ("worse by 0.03", WORSE)):
        ends = probation(error, rollouts=n, labels=5_000, seed=seed + 2)
        rows.append(_row(f"probation, serving version {name}", ends, n, "confirmed", "taken back"))
    rows += _broken(n, seed)
    return rows


def _row(case: str, ends: Ends, rollouts: int, won: str = "promoted", lost: str = "rolled back") -> Figure:
    decided = ends.verdict != 0
    median = f"{np.median(ends.scores[decided]):,.0f}" if decided.any() else "–"
    return Figure(
        case,
        f"{won} {ends.share(1):.1%}, {lost} {ends.share(-1):.1%}; median labels of those {median}",
        f"{rollouts:,} rollouts of at most {5_000:,} labels",
    )


def _broken(n: int, seed: int) -> list[Figure]:
    made = f"{n:,} rollouts"
    five = repeated(5, rollouts=n, labels=5_000, seed=seed)
    once = repeated(1, rollouts=n, labels=1_000, seed=seed)
    lost, caught = unlabelled_errors(0.8, rollouts=n, labels=5_000, seed=seed)
    _, partly = unlabelled_errors(0.8, coverage=0.9, rollouts=n, labels=5_000, seed=seed)
    _, even = evenly_unlabelled(0.9, rollouts=n, labels=5_000, seed=seed)
    z = peeking_z_test(rollouts=n, labels=5_000, every=100, seed=seed)
    return [
        Figure("at the margin, each label five times: promoted", f"{five.share(1):.1%}", made),
        Figure("the same with one label per entity: promoted", f"{once.share(1):.1%}", made),
        Figure("at the margin, its errors labelled 80 % as often: promoted", f"{lost.share(1):.1%}", made),
        Figure("the same with the coverage rule: promoted", _at_once_and_later(caught), made),
        Figure("the same, the rest labelled 90 %: promoted", _at_once_and_later(partly), made),
        Figure("better canary, both arms labelled 90 %: promoted", _at_once_and_later(even), made),
        Figure("for comparison, a z-test looked at every 100 labels: equal rolled back", f"{z:.1%}", made),
    ]


def _at_once_and_later(promoted: Coverages) -> str:
    shares = promoted.mean(axis=1)
    return f"{shares[0]:.1%} at once, {shares[-1]:.1%} with up to {2**DOUBLINGS} times the predictions"
