"""The service guards: what breaks them, what does not, and how often chance does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from functions.judge_rollout.exact_tests import fisher
from functions.judge_rollout.guards import GuardPolicy, Service, Services, check, p99

POLICY = GuardPolicy()


def served(n: int, failures: int = 0, seconds: float = 0.01, seed: int = 0) -> Service:
    rng = np.random.default_rng(seed)
    return Service(failures, (seconds * rng.lognormal(0, 0.3, n - failures)).tolist())


def test_a_failing_challenger_breaches_with_its_numbers() -> None:
    breach = check(POLICY, Services(served(1_000, failures=2), served(300, failures=30), 1))

    assert breach is not None
    assert (breach.guard, breach.champion, breach.challenger) == ("error-rate", 0.002, 0.1)
    assert breach.p_value <= breach.alpha


def test_a_slow_challenger_breaches() -> None:
    breach = check(POLICY, Services(served(1_000), served(300, seconds=0.05, seed=1), 1))

    assert breach is not None
    assert breach.guard == "latency-p99"
    assert breach.challenger > 2 * breach.champion


def test_a_few_slow_answers_of_many_breach() -> None:
    slow = served(2_000, seed=1)
    mixed = Service(0, [*slow.latencies_s[:1_940], *[1.0] * 60])

    assert check(POLICY, Services(served(2_000), mixed, 1)) is not None


def test_a_challenger_that_fails_as_the_champion_does_is_not_to_blame() -> None:
    assert check(POLICY, Services(served(1_000, failures=100), served(300, failures=30, seed=1), 1)) is None


def test_too_few_requests_say_nothing() -> None:
    assert check(POLICY, Services(served(1_000), Service(50, [0.01] * 49), 1)) is None


def test_a_challenger_that_only_fails_breaches_though_it_has_no_latency() -> None:
    breach = check(POLICY, Services(served(1_000), Service(200, []), 1))

    assert breach is not None
    assert breach.guard == "error-rate"


def test_a_later_period_needs_more_evidence() -> None:
    arms = served(1_000, failures=1), served(300, failures=7)

    assert check(POLICY, Services(*arms, 1)) is not None
    assert check(POLICY, Services(*arms, 100)) is None
    with pytest.raises(ValueError, match="from 1"):
        check(POLICY, Services(*arms, 0))


def test_equal_arms_breach_at_most_alpha_often_over_thirty_periods() -> None:
    breaches = 0
    for rollout in range(150):
        rng = np.random.default_rng(rollout)
        for period in range(1, 31):
            arms = [
                Service(rng.binomial(150, 0.02), (rng.pareto(1.5, 150) + 0.01).tolist()) for _ in range(2)
            ]
            if check(POLICY, Services(*arms, period)) is not None:
                breaches += 1
                break
    assert breaches / 150 <= POLICY.alpha + 0.02


@pytest.mark.parametrize("cells", [(3, 50, 1, 400), (0, 10, 5, 10), (10, 10, 0, 10), (1, 2_000, 1, 3)])
def test_the_exact_test_agrees_with_scipys(cells: tuple[int, int, int, int]) -> None:
    a, n, b, m = cells
    expected = stats.fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue

    assert fisher(a, n, b, m) == pytest.approx(expected, rel=1e-9)


def test_the_p99_is_the_least_that_99_percent_kept_to() -> None:
    assert p99([float(i) for i in range(1, 101)]) == 99.0
