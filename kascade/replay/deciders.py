"""One decider for each kind of decision: what an event says was decided, and what is decided now.

Each calls `decide(policy, inputs)`, the pure function that made the decision, with the inputs that the event
carries. The policy is the one that the event carries too, or the one that is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from eventing import catalogue as kinds
from eventing.catalogue import Claim, DecisionInputs
from functions.detect_drift import logic as drift
from functions.evaluate_model import logic as gate
from functions.evaluate_model import pool
from functions.govern_training import facts
from functions.govern_training import logic as governor
from functions.judge_rollout import logic as judge
from functions.judge_rollout.guards import Breach
from functions.judge_rollout.policy import Policy, Terms, policy_of
from functions.judge_rollout.record import Record
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack, Wait
from functions.watch_performance import logic as harm
from functions.watch_performance.sequential_test import THRESHOLD
from kascade.replay.comparison import Area
from pipelines.metrics import METRICS
from pipelines.spec import Drift, Gate, ModelSpec, Retrain, Rollout
from pipelines.spec.losses import spell

Get = Callable[[Claim], bytes]
"""Reads a file of inputs from the object store."""


class NotReplayable(Exception):
    """The inputs that were recorded do not suffice; the message says what is missing."""


@dataclass(frozen=True)
class Outcome:
    """A decision: what in words, the rule that decided, and why in a sentence."""

    words: str
    rule: str
    why: str


Redecide = Callable[[DecisionInputs, Any, ModelSpec | None, Get], Outcome]


@dataclass(frozen=True)
class Decider:
    """`recorded` reads what was decided; `again` decides from the same inputs, by a spec where one is tried.

    Raises:
        NotReplayable: another policy needs what was not recorded.
        ValueError: the inputs have another form.
    """

    area: Area
    function: str
    recorded: Callable[[str, Any], Outcome]
    again: Redecide


def _governors(type_: str, payload: kinds.TrainingApproved | kinds.TrainingDeferred) -> Outcome:
    if isinstance(payload, kinds.TrainingApproved):
        return _governed("approved", payload.rule, payload.reason, "nothing objects")
    kind = "refused" if payload.refused else "waits"
    return _governed(kind, payload.rule, payload.reason, payload.message)


def _govern(recorded: DecisionInputs, payload: Any, tried: ModelSpec | None, get: Get) -> Outcome:
    policy = recorded.policy_as(Retrain) if tried is None else tried.retrain
    inputs = recorded.inputs_as(facts.Inputs, get)
    decision = governor.decide(policy, inputs)
    reason = governor.reason_of(decision, inputs)
    match decision:
        case facts.Start(rule=rule):
            return _governed("approved", rule, reason, "nothing objects")
        case facts.Refuse(rule=rule, message=message):
            return _governed("refused", rule, reason, message)
        case facts.Wait(rule=rule, message=message, until=until):
            found = _governed("waits", rule, reason, message)
            same = found == _governors("", payload) and until != payload.until
            when = until.isoformat(timespec="seconds") if until else "something changes"
            return Outcome(f"{found.words} until {when}", rule, message) if same else found


def _governed(kind: str, rule: str, reason: str, why: str) -> Outcome:
    return Outcome(f"{kind} ({rule}, {reason})", rule, why)


def _gates(type_: str, payload: Any) -> Outcome:
    words = {kinds.ModelApproved.type: "approved", kinds.ModelRejected.type: "rejected"}
    verdict: kinds.GateVerdict | None = payload.verdict
    message = verdict.message if verdict else payload.message
    rule = verdict.rule if verdict else message.partition(":")[0]
    return Outcome(f"{words.get(type_, 'a person is asked')} ({rule})", rule, message)


def _gate(recorded: DecisionInputs, payload: Any, tried: ModelSpec | None, get: Get) -> Outcome:
    policy = recorded.policy_as(Gate) if tried is None else tried.gate
    inputs = recorded.inputs_as(gate.Inputs, get)
    if inputs.problem is None and inputs.metric not in METRICS:
        raise NotReplayable(f"this release has no metric {inputs.metric}")
    if tried is not None and inputs.champion is not None and spell(tried.rollout.loss) != inputs.loss:
        raise NotReplayable("with another rollout.loss another difference would have been measured")
    ruling = gate.decide(policy, inputs)
    unmeasured = inputs.unmeasured(policy)
    if unmeasured and ruling.outcome is not gate.Outcome.REJECT:
        raise NotReplayable(f"no slice of {', '.join(unmeasured)} was measured")
    words = {gate.Outcome.APPROVE: "approved", gate.Outcome.REJECT: "rejected"}
    kind = words.get(ruling.outcome, "a person is asked")
    return Outcome(f"{kind} ({ruling.rule})", ruling.rule, ruling.message)


def _pools(type_: str, payload: kinds.ModelRecalled) -> Outcome:
    return Outcome("called back", "pool", payload.message)


def _pool(recorded: DecisionInputs, payload: Any, tried: ModelSpec | None, get: Get) -> Outcome:
    then = recorded.policy_as(Rollout)
    policy = then if tried is None else tried.rollout
    inputs = recorded.inputs_as(pool.Pool, get)
    if policy.margin != then.margin:
        raise NotReplayable("with another rollout.margin other bets would have been placed")
    if policy.loss != then.loss:
        raise NotReplayable("with another rollout.loss other losses would have been counted")
    if policy.pool > then.pool or 0 < policy.pool < len(inputs.formers):
        raise NotReplayable("with another rollout.pool other versions would have been scored")
    match pool.decide(policy, inputs):
        case pool.Recall(former=former) if former.version == payload.version:
            why = f"statistic {former.statistic:.4g} of {payload.threshold:g}"
            return Outcome("called back", "pool", why)
        case pool.Recall(former=former):
            return Outcome(f"v{former.version} called back", "pool", "")
        case _:
            return Outcome("stays away", "pool", f"{payload.labels} labels, min_labels {policy.min_labels}")


def _drifts(type_: str, payload: kinds.DriftChecked) -> Outcome:
    return Outcome(payload.status, payload.status, "")


def _drift(
    recorded: DecisionInputs, payload: kinds.DriftChecked, tried: ModelSpec | None, get: Get
) -> Outcome:
    then = recorded.policy_as(Drift)
    policy = then if tried is None else tried.drift
    for key in ("detector", "features"):
        if getattr(policy, key) != getattr(then, key):
            raise NotReplayable(f"with another drift.{key} other tests would have been made")
    if payload.of == "inferences" and policy.window != then.window:
        raise NotReplayable(f"with drift.window {policy.window} the windows would be other ones")
    inputs, rules = recorded.inputs_as(drift.Inputs, get), drift.policy_of(policy)
    enough, enough_then = (
        drift.is_sufficient(each, inputs.reference_rows, inputs.rows)
        for each in (rules, drift.policy_of(then))
    )
    if enough and not enough_then:
        raise NotReplayable(f"{inputs.rows} rows were too few to be tested")
    decision = drift.decide(rules, inputs)
    budget = f"check {inputs.window} may spend {drift.spend(policy.alpha, inputs.window):.4g}"
    budget = f"{budget}, min_effect {policy.min_effect:g}"
    if decision.status is drift.Status.INSUFFICIENT:
        return Outcome(decision.status.value, "none", f"{inputs.rows} rows: nothing is tested")
    fired = [each for each in decision.tests if each.drifted]
    if not fired:
        return Outcome(decision.status.value, "none", f"no test has both; {budget}")
    most = max(fired, key=lambda each: each.test.effect)
    p_value = "" if most.p_value_corrected is None else f"p {most.p_value_corrected:.4g}, "
    why = f"{most.test.feature}: {p_value}effect {most.test.effect:.4g}; {budget}"
    return Outcome(decision.status.value, "alpha", why)


def _judges(type_: str, payload: kinds.RolloutDecided) -> Outcome:
    return Outcome(f"{payload.outcome} ({payload.reason})", payload.reason, payload.message)


def _judge(
    recorded: DecisionInputs, payload: kinds.RolloutDecided, tried: ModelSpec | None, get: Get
) -> Outcome:
    then = recorded.policy_as(Policy)
    policy = then if tried is None else policy_of(tried, Terms(then.loss_unit, then.randomised))
    if tried is not None and (key := _leaves_out(tried, payload.phase)):
        return Outcome("nothing", key, f"with rollout.{key} as tried there is no {payload.phase}")
    traffic = payload.phase is kinds.RolloutPhase.CANARY and policy.canary_percent != then.canary_percent
    for differs, key in (
        (policy.label_window != then.label_window, "labels.window"),
        (policy.by_entity != then.by_entity, "entity"),
        (policy.entity_period != then.entity_period, "rollout.entity_period"),
        (traffic, "rollout.canary_percent"),
        (policy.loss != then.loss, "rollout.loss"),
        (policy.wanted_randomised != then.wanted_randomised, "labels.randomised"),
    ):
        if differs:
            raise NotReplayable(f"with another {key} other predictions and labels would have counted")
    decision = judge.decide(policy, recorded.inputs_as(Record, get).inputs(policy, get))
    numbers = judge.numbers_of(policy, decision.state)
    scores = f"{numbers.labels} scores, wealth {numbers.wealth_worse:.4g} and {numbers.wealth_better:.4g}"
    match decision.verdict:
        case Breach(guard=guard):
            return Outcome("rolled_back (guard)", "guard", guard)
        case Wait():
            return Outcome("waits", "evidence", f"{scores} of {numbers.threshold:.4g}: no verdict yet")
        case Inconclusive(reason=reason):
            return Outcome(f"inconclusive ({reason})", reason, scores)
        case Promote(reason=reason) if reason != "evidence":
            return Outcome(f"promoted ({reason})", reason, scores)
        case verdict:
            outcome = "rolled_back" if isinstance(verdict, RollBack) else "promoted"
            return Outcome(f"{outcome} (evidence)", "evidence", f"{scores} of {numbers.threshold:.4g}")


def _leaves_out(tried: ModelSpec, phase: kinds.RolloutPhase) -> str:
    """Return the key of `rollout` by which a spec has no such phase; nothing where it has it."""
    if phase is not kinds.RolloutPhase.PROBATION:
        return "" if phase.value in tried.rollout.phases else "phases"
    return "phases" if not tried.rollout.phases else "harm" if tried.rollout.harm == "phased" else ""


def _harms(type_: str, payload: kinds.PerformanceDegraded) -> Outcome:
    return _harmed(payload.statistic, payload.labels)


def _harm(
    recorded: DecisionInputs, payload: kinds.PerformanceDegraded, tried: ModelSpec | None, get: Get
) -> Outcome:
    then = recorded.policy_as(harm.Policy)
    policy = then if tried is None else harm.Policy(tried.labels.window, tried.entity is not None)
    for key, differs in (
        ("labels.window", policy.label_window != then.label_window),
        ("entity", policy.entity != then.entity),
    ):
        if differs:
            raise NotReplayable(f"with another {key} other labels would have counted")
    inputs = recorded.inputs_as(harm.Inputs, get)
    alarm = harm.decide(policy, inputs)
    if alarm is None:
        return Outcome("no harm", "none", f"{len(inputs.losses)} labels more do not reach the threshold")
    return _harmed(alarm.statistic, alarm.n)


def _harmed(statistic: float, labels: int) -> Outcome:
    words = f"harm (after {labels} labels)"
    return Outcome(words, "threshold", f"statistic {min(statistic, 1e300):.4g} of {THRESHOLD:.4g}")


_GOVERNOR = Decider("governor", "govern_training", _governors, _govern)
_GATE = Decider("gate", "evaluate_model", _gates, _gate)
DECIDERS: Mapping[str, Decider] = MappingProxyType(
    {
        kinds.TrainingApproved.type: _GOVERNOR,
        kinds.TrainingDeferred.type: _GOVERNOR,
        kinds.ModelApproved.type: _GATE,
        kinds.ModelRejected.type: _GATE,
        kinds.ModelApprovalRequested.type: _GATE,
        kinds.ModelRecalled.type: Decider("pool", "evaluate_model", _pools, _pool),
        kinds.DriftChecked.type: Decider("drift", "detect_drift", _drifts, _drift),
        kinds.RolloutDecided.type: Decider("judge", "judge_rollout", _judges, _judge),
        kinds.PerformanceDegraded.type: Decider("harm", "watch_performance", _harms, _harm),
    }
)
