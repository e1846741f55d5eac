"""Makes the events of decisions with the functions' own rules, from numbers drawn at random."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from eventing import catalogue as kinds
from eventing.event import Event
from eventing.store import Store
from functions.detect_drift import logic as drift_logic
from functions.detect_drift.compare import Checked
from functions.detect_drift.detection import Guarantee, Test
from functions.detect_drift.events import Report, events_of
from functions.evaluate_model.evaluate import apply_gate
from functions.evaluate_model.logic import Champion, Inputs, Measurement, Slice
from functions.evaluate_model.records import verdict_event
from functions.judge_rollout import logic as judging
from functions.judge_rollout import phases
from functions.judge_rollout.events import verdict_event as judges_event
from functions.judge_rollout.evidence import Arms
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import policy_of
from functions.judge_rollout.record import folder_of, record_requests, record_verdict
from functions.judge_rollout.verdict import Wait
from pipelines.spec import Drift, Gate, ModelSpec

CLAIM = kinds.Claim(uri="s3://models/x", sha256="0" * 64)


def standing(rng: random.Random, champion: int | None) -> Measurement:
    value = rng.uniform(0.6, 0.95)
    if champion is None:
        return Measurement(value, 200)
    compared, other = value + rng.uniform(-0.02, 0.02), rng.uniform(0.7, 0.9)
    middle, half = compared - other, rng.uniform(0, 0.05)
    return Measurement(value, rng.choice([20, 150, 150]), compared, other, middle - half, middle + half)


def gated(
    rng: random.Random, completed: Event, gate: Gate, champion: int | None, at: datetime, store: Store
) -> Event:
    """Return the gate's verdict on a candidate with random numbers."""
    whole = standing(rng, champion)
    obstacle = "few rows" if whole.rows < 30 else None
    incumbent = None if champion is None else Champion(champion, obstacle)
    slices = [Slice(column, value, standing(rng, champion)) for column in gate.slices for value in "ab"]
    small = dict.fromkeys(gate.slices, 1)
    inputs = Inputs(None, "roc_auc", whole, incumbent, tuple(slices), small)
    payload = kinds.TrainingCompleted.model_validate(completed.data)
    return verdict_event(completed, payload, apply_gate(store, payload, gate, inputs), at)


def judged(rng: random.Random, started: Event, spec: ModelSpec, champion: int, store: Store) -> Event:
    """Return the judge's verdict on a shadow whose labels are drawn at random."""
    version, began = started.data["version"], started.time
    assert began is not None
    policy, folder = policy_of(spec), folder_of("churn", version)
    state = phases.begin(policy, began)
    worse, better = rng.choice([(0.4, 0.1), (0.05, 0.35), (0.2, 0.2)])
    arms = Arms("churn", champion, version, kinds.RolloutPhase.SHADOW)
    for check in range(1, 400):
        now = began + check * policy.deadline / 300
        batch = [
            Matured(
                f"{check:04}-{row}",
                now - policy.label_window - timedelta(seconds=1),
                None,
                {"champion": float(rng.random() < better), "challenger": float(rng.random() < worse)}
                if rng.random() < 0.9
                else {"champion": None, "challenger": None},
            )
            for row in range(3)
        ]
        inputs = judging.Inputs(state, now, tuple(batch))
        decision = judging.decide(policy, inputs)
        state = record_requests(store, folder, inputs, decision.state)
        if not isinstance(decision.verdict, Wait):
            recorded = record_verdict(store, folder, policy, inputs, state)
            numbers = judging.numbers_of(policy, state)
            return judges_event(started, arms, policy, decision.verdict, numbers, recorded, now)
    raise AssertionError("the deadline ends every phase")


def checked(rng: random.Random, closed: Event, drift: Drift, number: int) -> Event:
    """Return a check for drift whose tests are drawn at random, some of a stream that has no p-value."""
    tests = []
    for column in range(6):
        p_value = rng.choice([rng.random(), rng.random() ** 12])
        stream = rng.random() < 0.15
        statistic = rng.random()
        tests.append(
            Test(
                f"f{column}",
                "ks",
                statistic,
                None if stream else p_value,
                rng.uniform(0, 0.3),
                "w",
                threshold=0.8 if stream else None,
                row=7 if stream and statistic > 0.8 else None,
            )
        )
    few = rng.random() < 0.2
    policy = drift_logic.policy_of(drift)
    inputs = drift_logic.Inputs(number, drift.window, 20 if few else 900, None if few else tuple(tests))
    decision = drift_logic.decide(policy, inputs)
    outcome = Checked(
        status=decision.status,
        window=number,
        rows=inputs.rows,
        reference_rows=inputs.reference_rows,
        alpha=policy.alpha,
        alpha_spent=decision.alpha_spent,
        min_effect=policy.min_effect,
        correction=policy.correction,
        guarantee=Guarantee.BUDGET,
        tests=decision.tests,
        untested=(),
        new_categories=(),
    )
    report = Report(
        model="churn",
        version=closed.data["version"],
        of="inferences",
        view=None,
        detector=drift.detector,
        file=CLAIM,
        page_uri="s3://reports/x.html",
        decided_from=kinds.DecisionInputs.of(drift, inputs),
    )
    assert closed.time is not None
    return events_of(closed, report, outcome, {}, closed.time)[0]
