"""Decides a rollout from its matured labels, testing after every one of them.

Two bets run side by side on D = loss(challenger) - loss(champion): "worse" bets against mean(D) <= 0
and rolls back, "better" bets against mean(-D) <= -margin and promotes. Each is wrong with a chance of
at most alpha over the whole rollout, however often one tests (wealth.py), if the labels are as
coverage.py, presence.py and pairing.py demand. Labels that depend on each other are bet on in blocks, as long
as losses of before the rollout ask for; when its own scores show more, blocks get longer, and what was won is
given up.

On probation the challenger serves already, so it is taken back only for being worse by more than the margin:
"worse" bets against mean(D) <= margin there, and who is shown nothing by the deadline stays.

`decide` is a fold: it takes matured requests into a state and judges it. The same requests in any number of
calls give the same state, and a request that comes twice counts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from functions.judge_rollout.coverage import count_labels, is_uneven
from functions.judge_rollout.dependence import blocks_for
from functions.judge_rollout.guards import GUARDS, Breach, Services, check
from functions.judge_rollout.pairing import Matured, losses_that_count, number_of, pair
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.presence import count_presence, depends_on
from functions.judge_rollout.propensity import asked, count, weight_of
from functions.judge_rollout.state import JudgeState, Side
from functions.judge_rollout.verdict import Inconclusive, Numbers, Promote, Reason, RollBack, Verdict, Wait
from functions.judge_rollout.wealth import Bet, lengthen, update
from pipelines.serial_dependence import observe

_FIRST_CHECK = 128
"""Scores after which their dependence is looked at, and at each doubling; and whenever a bet is won."""


@dataclass(frozen=True)
class Inputs:
    """All that a decision is made from.

    Attributes:
        state: what the judge knows before.
        matured_by: with the requests it knows whatever matured by then.
        requests: what has matured since, in any order.
        services: how both arms served clients since that was last compared; None where it is not.
    """

    state: JudgeState
    matured_by: datetime
    requests: tuple[Matured, ...] = ()
    services: Services | None = None


@dataclass(frozen=True)
class Decision:
    """What the judge knows now, and what follows from it."""

    state: JudgeState
    verdict: Verdict | Breach


def decide(policy: Policy, inputs: Inputs) -> Decision:
    """Take in what has matured, and judge; a broken service guard comes first.

    From the start of a phase with all its requests it decides as from any state with those that follow.
    """
    state = advance(policy, inputs.state, inputs.requests, inputs.matured_by)
    breach = None if inputs.services is None else check(GUARDS, inputs.services)
    return Decision(state, breach or judge(policy, state, inputs.matured_by))


def add_score(policy: Policy, state: JudgeState, difference: float, weight: float = 1.0) -> JudgeState:
    """Take in one difference of loss, challenger minus champion, for both bets, unless a side has won.

    Args:
        weight: by how much its labels count, in [0, 1]; the difference is times that.

    Raises:
        ValueError: the difference is outside [-1, 1].
    """
    if state.crossed is not None:
        return state
    worse = update(state.worse, _about_null(state.worse, difference, weight))
    better = update(state.better, _about_null(state.better, -difference, weight))
    scores, series, crossed = state.scores + 1, state.series, _won(policy, worse, better, state.scores + 1)
    if state.start is not None and state.start.blocks is not None:
        series = observe(series, difference)
        if crossed is not None or _is_doubling(scores):
            needed = blocks_for(series)
            if not better.blocks.covers(needed):
                worse, better, crossed = lengthen(worse, needed), lengthen(better, needed), None
    return replace(
        state,
        worse=worse,
        better=better,
        scores=scores,
        total=state.total + difference,
        weight=(state.scores if state.weight is None else state.weight) + weight,
        series=series,
        crossed=crossed,
    )


def advance(policy: Policy, state: JudgeState, requests: Iterable[Matured], now: datetime) -> JudgeState:
    """Take in the requests whose labels have matured, in the order of their predictions.

    Left out are those before this phase, or before what was answered from the log; those already taken in;
    those that are not mature at `now` or would be only after the deadline; and whatever follows the one that
    decided.

    Args:
        requests: in any order; labelled or not.
        now: aware.
    """
    last = min(now, state.phase_at + policy.deadline) - policy.label_window
    matured = (each for each in requests if state.counts_from <= each.at <= last)
    entities = set(state.entities)
    for request in sorted(matured, key=lambda each: (each.at, each.prediction_id)):
        if _is_decided(policy, state):
            break
        if state.through is None or (request.at, request.prediction_id) > state.through:
            state = _add_request(policy, state, request, entities)
    return replace(state, entities=frozenset(entities))


def requests_between(
    before: JudgeState, after: JudgeState, requests: Iterable[Matured]
) -> tuple[Matured, ...]:
    """Return those of the requests that were taken in between two states of one phase, in order."""
    first, last = before.through, after.through
    between = [
        each
        for each in requests
        if last is not None
        and each.at >= after.counts_from
        and (each.at, each.prediction_id) <= last
        and (first is None or (each.at, each.prediction_id) > first)
    ]
    return tuple(sorted(between, key=lambda each: (each.at, each.prediction_id)))


def judge(policy: Policy, state: JudgeState, matured_by: datetime) -> Verdict:
    """Say what follows from the state: a verdict, or when to ask again at the latest.

    Args:
        matured_by: the state holds whatever matured by then.
    """
    numbers = numbers_of(policy, state)
    ends = state.phase_at + policy.deadline
    if _is_decided(policy, state):
        if state.crossed == "worse":
            return Inconclusive("labels", numbers) if state.selective else RollBack(numbers)
        return Promote(numbers)
    if matured_by < ends:
        return Wait(numbers, ends)
    reason: Reason = "deadline"
    if state.crossed == "better":
        reason = "labels" if state.selective else "coverage"
    return Promote(numbers, reason) if state.on_probation else Inconclusive(reason, numbers)


def numbers_of(policy: Policy, state: JudgeState) -> Numbers:
    """Return every number a verdict on this state rests on."""
    better = state.better
    weight = state.scores if state.weight is None else state.weight
    return Numbers(
        labels=state.scores,
        wealth_worse=state.worse.wealth,
        wealth_better=better.wealth,
        threshold=policy.threshold,
        difference=state.total / weight / policy.loss_unit if weight else None,
        coverage_champion=state.coverage.champion,
        coverage_challenger=state.coverage.challenger,
        repeats=state.repeats,
        unpaired=state.waiting.unpaired,
        logged=state.logged,
        label_digest=state.digest,
        block=better.blocks.length,
        long_dependence=better.blocks.long,
        past_losses=state.start.past if state.start else 0,
        labels_depend_on=state.selective,
        randomised=policy.randomised,
        asked=state.asked,
    )


def _add_request(policy: Policy, state: JudgeState, request: Matured, entities: set[str]) -> JudgeState:
    through, digest = (request.at, request.prediction_id), _extend_digest(state.digest, request)
    period = 0 if policy.entity_period is None else number_of(request.at, policy.entity_period)
    if period != state.entity_period:
        entities.clear()
    logged = state.logged + (request.at < state.phase_at)
    state = replace(state, through=through, digest=digest, entity_period=period, logged=logged)
    if _is_repeat(request.entity, entities):
        return replace(state, repeats=state.repeats + 1)
    weight = weight_of(policy, state.unasked, request)
    state = _count(policy, state, request)
    if state.crossed is not None:
        return _compare_labels(policy, state)
    both = len(request.losses) > 1
    if both and not weight:
        return state
    losses = (
        losses_that_count(request.losses, strict=policy.strict)
        if weight
        else dict.fromkeys(request.losses, 0.0)
    )
    waiting, difference = pair(
        state.waiting,
        {arm: weight * loss for arm, loss in losses.items()},
        period=number_of(request.at, policy.period),
        group=policy.group,
    )
    state = replace(state, waiting=waiting)
    if difference is not None:
        state = add_score(policy, state, difference, weight if both else policy.randomised or 1.0)
    return _compare_labels(policy, state)


def _count(policy: Policy, state: JudgeState, request: Matured) -> JudgeState:
    """Count who has labels; where some are asked for at random, among those."""
    unasked = state.unasked if policy.randomised is None else count(policy, state.unasked, request)
    if not asked(policy, request):
        return replace(state, unasked=unasked)
    labelled = any(loss is not None for loss in request.losses.values())
    return replace(
        state,
        unasked=unasked,
        asked=state.asked + (policy.randomised is not None),
        coverage=count_labels(state.coverage, request.losses),
        presence=count_presence(state.presence, request.answers, labelled=labelled),
    )


def _about_null(bet: Bet, x: float, weight: float) -> float:
    """Return what is bet on for an observation that counts in part: so much further from the null.

    It is kept within [-1, 1] by betting on a little less of it.
    """
    if weight == 1.0:
        return x
    return bet.null + (1.0 - abs(bet.null)) * (x - weight * bet.null)


def _compare_labels(policy: Policy, state: JudgeState) -> JudgeState:
    """Compare who has labels once the bet is won, and at each doubling of the challenger's predictions.

    A gap that chance made fades by then; one that the missing labels' values made stays. A challenger that
    seems worse from labels that hang on the decision ends at once, and the champion stays either way.
    """
    matured = state.coverage.challenger_matured
    if state.crossed == "worse" and not state.on_probation:
        return replace(state, selective=depends_on(state.presence, policy.slack))
    if state.crossed != "better" or state.even or matured < state.compare_at:
        return state
    selective = depends_on(state.presence, policy.slack)
    even = selective is None and not is_uneven(state.coverage, policy.margin)
    return replace(state, even=even, selective=selective, compare_at=2 * matured)


def _won(policy: Policy, worse: Bet, better: Bet, scores: int) -> Side | None:
    if worse.wealth >= policy.threshold:
        return "worse"
    return "better" if better.wealth >= policy.threshold and scores >= policy.min_labels else None


def _is_doubling(scores: int) -> bool:
    return scores >= _FIRST_CHECK and scores & (scores - 1) == 0


def _is_decided(policy: Policy, state: JudgeState) -> bool:
    return state.crossed == "worse" or (state.crossed == "better" and (state.even or policy.strict))


def _is_repeat(entity: str | None, entities: set[str]) -> bool:
    """Say whether the entity has been counted, and count it: labelled or not, its first prediction counts."""
    if entity is None:
        return False
    key = hashlib.sha256(entity.encode()).hexdigest()[:16]
    if key in entities:
        return True
    entities.add(key)
    return False


def _extend_digest(digest: str, request: Matured) -> str:
    line = [request.prediction_id, request.at.isoformat(), request.entity, sorted(request.losses.items())]
    return hashlib.sha256((digest + json.dumps(line)).encode()).hexdigest()
