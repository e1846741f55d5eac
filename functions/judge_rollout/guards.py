"""Service guards: is the challenger failing, or slow, against the champion over the same period?

They run beside the judge. A breach rolls back at once; no breach promotes nothing. They are tested
once per period: period k may spend alpha * 6 / (pi^2 k^2), half of it on each of the two guards, so
however many periods a rollout has, a challenger that fails and lags no more than the champion is rolled
back by a guard with a chance of at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from functions.judge_rollout.exact_tests import fisher

# The slowest 1 % of both arms' answers are tested, and at least so many.
_TAIL = 20


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """When a difference in service counts.

    Attributes:
        alpha: chance of a wrong breach over all periods of a rollout.
        min_requests: each arm needs so many answers in the period.
        error_margin: failures per request by which the challenger must exceed the champion.
        slow_factor: the challenger's p99 must exceed this times the champion's.
    """

    alpha: float = 0.01
    min_requests: int = 100
    error_margin: float = 0.01
    slow_factor: float = 2.0


GUARDS = GuardPolicy()


@dataclass(frozen=True, slots=True)
class Service:
    """What one arm did in a period: failures (5xx, timeouts), and the seconds of each successful answer."""

    failures: int
    latencies_s: Sequence[float]

    @property
    def requests(self) -> int:
        """How many requests reached the arm."""
        return self.failures + len(self.latencies_s)


@dataclass(frozen=True, slots=True)
class Services:
    """Both arms in one period; `period` is its number within the rollout, from 1."""

    champion: Service
    challenger: Service
    period: int


@dataclass(frozen=True, slots=True)
class Breach:
    """A guard that was broken, with its numbers: roll back at once."""

    guard: Literal["error-rate", "latency-p99"]
    champion: float
    challenger: float
    champion_requests: int
    challenger_requests: int
    p_value: float
    alpha: float


def check(policy: GuardPolicy, services: Services) -> Breach | None:
    """Compare the arms' service in one period.

    Raises:
        ValueError: the period's number is below 1.
    """
    champion, challenger, period = services.champion, services.challenger, services.period
    if period < 1:
        raise ValueError(f"periods are counted from 1, this is {period}")
    if min(champion.requests, challenger.requests) < policy.min_requests:
        return None
    alpha = policy.alpha * 6 / (math.pi**2 * period**2) / 2
    return _errors(policy, champion, challenger, alpha) or _latency(policy, champion, challenger, alpha)


def _errors(policy: GuardPolicy, champion: Service, challenger: Service, alpha: float) -> Breach | None:
    ours, theirs = challenger.failures / challenger.requests, champion.failures / champion.requests
    if ours - theirs <= policy.error_margin:
        return None
    p_value = fisher(challenger.failures, challenger.requests, champion.failures, champion.requests)
    if p_value > alpha:
        return None
    return Breach("error-rate", theirs, ours, champion.requests, challenger.requests, p_value, alpha)


def _latency(policy: GuardPolicy, champion: Service, challenger: Service, alpha: float) -> Breach | None:
    if min(len(champion.latencies_s), len(challenger.latencies_s)) < policy.min_requests:
        return None
    usual, ours = p99(champion.latencies_s), p99(challenger.latencies_s)
    if ours <= policy.slow_factor * usual:
        return None
    # Exact: which answers are the slowest, ties included, does not depend on who gave them.
    both = sorted((*champion.latencies_s, *challenger.latencies_s))
    limit = both[-max(_TAIL, len(both) // 100)]
    slow = sum(latency >= limit for latency in challenger.latencies_s)
    also = sum(latency >= limit for latency in champion.latencies_s)
    p_value = fisher(slow, len(challenger.latencies_s), also, len(champion.latencies_s))
    if p_value > alpha:
        return None
    return Breach("latency-p99", usual, ours, champion.requests, challenger.requests, p_value, alpha)


def p99(latencies_s: Sequence[float]) -> float:
    """Return the smallest latency that at least 99 % of the answers kept to."""
    return sorted(latencies_s)[math.ceil(0.99 * len(latencies_s)) - 1]
