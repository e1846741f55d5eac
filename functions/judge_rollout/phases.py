"""How a phase of a rollout starts: with which bets, and on blocks of which length."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from functions.judge_rollout.dependence import LONGEST
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.state import JudgeState, LoggedAnswers, PhaseStart
from functions.judge_rollout.wealth import SINGLE, Bet, Blocks, with_blocks


def begin(
    policy: Policy,
    started_at: datetime,
    blocks: Blocks = SINGLE,
    past: int = 0,
    *,
    per_score: int = 1,
    probation: bool = False,
    logged: LoggedAnswers | None = None,
) -> JudgeState:
    """Return the state of a rollout that starts now, in its first phase.

    Args:
        blocks: of requests, as `past` losses of before the rollout ask for.
        per_score: how many requests make one score, about: 1 in a shadow.
        probation: the challenger serves all requests, and the champion watches.
        logged: what the challenger answers to requests of before, which are taken in first.
    """
    start = PhaseStart(
        started_at,
        started_at,
        Bet(null=0.0),
        blocks=blocks,
        past=past,
        per_score=per_score,
        probation=probation,
        logged=logged,
    )
    return start_phase(policy, start)


def enter_phase(policy: Policy, state: JudgeState, at: datetime, *, per_score: int = 1) -> JudgeState:
    """Return the state for the next phase.

    The bet that the challenger is worse goes on, so both phases together roll back wrongly with a
    chance of at most alpha. The bet that it is better starts anew: it must be won in each phase. Blocks are
    as long as they were, in requests.
    """
    start = state.start or PhaseStart(state.started_at, state.phase_at, state.worse)
    blocks = start.blocks
    if blocks is not None:
        found = _of_requests(state.better.blocks, start.per_score)
        blocks = blocks if blocks.covers(found) else found
    return start_phase(
        policy, PhaseStart(start.started_at, at, state.worse, state.digest, blocks, start.past, per_score)
    )


def start_phase(policy: Policy, start: PhaseStart) -> JudgeState:
    """Return the state at the start of a phase."""
    blocks = SINGLE if start.blocks is None else _of_scores(start.blocks, start.per_score)
    before = Bet(null=policy.slack) if start.probation else start.worse
    worse, better = with_blocks(before, blocks), Bet(null=-policy.slack, blocks=blocks)
    return JudgeState(start.started_at, start.phase_at, worse, better, digest=start.digest, start=start)


def _of_scores(blocks: Blocks, per_score: int) -> Blocks:
    return replace(blocks, length=math.ceil(blocks.length / per_score))


def _of_requests(blocks: Blocks, per_score: int) -> Blocks:
    length = blocks.length * per_score if blocks.length > 1 else 1
    return Blocks(LONGEST, long=True) if blocks.long or length > LONGEST else Blocks(length)
