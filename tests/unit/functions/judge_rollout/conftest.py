"""Requests of a shadow and of a canary, with their labels, and what the judge makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.judge_rollout.logic import advance, judge
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.phases import begin
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import JudgeState
from functions.judge_rollout.verdict import Verdict

MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy(label_window=timedelta(hours=1), deadline=timedelta(days=14))
LATER = START + timedelta(days=10)


def shadow(
    number: int, champion: float | None, challenger: float | None, entity: str | None = None
) -> Matured:
    """A request that both arms answered, `number` minutes into the rollout."""
    losses = {"champion": champion, "challenger": challenger}
    return Matured(f"p{number:05}", START + number * MINUTE, entity, losses)  # type: ignore[arg-type]


def canary(number: int, arm: str, loss: float | None) -> Matured:
    """A request that one arm answered."""
    return Matured(f"p{number:05}", START + number * MINUTE, None, {arm: loss})  # type: ignore[dict-item]


def settle(policy: Policy, requests: list[Matured], now: datetime = LATER) -> tuple[JudgeState, Verdict]:
    state = advance(policy, begin(policy, START), requests, now)
    return state, judge(policy, state, now)


def good(n: int) -> list[Matured]:
    """Requests of which the challenger gets every fifth right that the champion gets wrong."""
    return [shadow(i, float(i % 5 == 0), 0.0) for i in range(n)]


def bad(n: int) -> list[Matured]:
    return [shadow(i, 0.0, float(i % 5 == 0)) for i in range(n)]
