"""Makes the events of decisions with the functions' own rules, from numbers drawn at random."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.detect_drift.columns import Table
from functions.detect_drift.observed import Observed, Test
from functions.detect_drift.rule import Policy as DriftPolicy
from functions.detect_drift.rule import decide
from functions.evaluate_model.logic import Champion, Outcome, Slice, Standing, judge, slice_passes
from functions.judge_rollout import logic as judging
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack
from kascade.replay.gate import OUTCOMES, SOURCE
from pipelines.metrics import METRICS
from pipelines.spec import Drift, Gate, ModelSpec

CLAIM = {"uri": "s3://models/x", "sha256": "0" * 64}
METRIC = METRICS["roc_auc"]
EMPTY: Table = {}


def standing(rng: random.Random, champion: int | None) -> Standing:
    value = rng.uniform(0.6, 0.95)
    if champion is None:
        return Standing(value, 200)
    compared, other = value + rng.uniform(-0.02, 0.02), rng.uniform(0.7, 0.9)
    middle, half = compared - other, rng.uniform(0, 0.05)
    return Standing(value, rng.choice([20, 150, 150]), compared, other, middle - half, middle + half)


def verdict_event(
    rng: random.Random, completed: Event, gate: Gate, champion: int | None, at: datetime
) -> Event:
    """Return the gate's verdict on a candidate with random numbers."""
    whole = standing(rng, champion)
    obstacle = "few rows" if whole.rows < 30 else None
    incumbent = None if champion is None else Champion(champion, obstacle)
    slices = [Slice(column, value, standing(rng, champion)) for column in gate.slices for value in "ab"]
    ruling = judge(METRIC, gate, whole, slices, incumbent)
    told = [
        kinds.SliceResult(
            column=each.column, value=each.value, rows=each.standing.rows, metric=each.standing.shown,
            champion_metric=each.standing.champion,
            passed=slice_passes(METRIC, gate, each.standing, incumbent),
        )
        for each in slices
    ]  # fmt: skip
    version = completed.data["version"]
    verdict = kinds.GateVerdict(
        model="churn", version=version, candidate=kinds.Claim(**CLAIM), metric=METRIC.name,
        value=whole.shown, minimum=gate.min, champion_version=champion, champion_value=whole.champion,
        interval_low=whole.low, interval_high=whole.high, slices=told, rows=whole.rows, rule=ruling.rule,
        message=ruling.message,
    )  # fmt: skip
    about: dict[str, Any] = {"model": "churn", "version": version, "verdict": verdict.model_dump()}
    about |= {Outcome.APPROVE: {"approved_by": "gate"}, Outcome.REJECT: {"rejected_by": "gate"}}.get(
        ruling.outcome, {}
    )
    type_ = next(type_ for type_, outcome in OUTCOMES.items() if outcome is ruling.outcome)
    return answer(completed, type_, SOURCE, f"churn/v{version}", about, now=at)


def decided(rng: random.Random, started: Event, spec: ModelSpec, champion: int) -> Event:
    """Return the judge's verdict on a shadow whose labels are drawn at random."""
    rollout = spec.rollout
    began = started.time
    assert began is not None
    policy = Policy(
        margin=rollout.margin, alpha=rollout.alpha, min_labels=rollout.min_labels,
        deadline=rollout.deadline, label_window=spec.labels.window, strict=rollout.strict,
    )  # fmt: skip
    state, now = judging.begin(policy, began), began
    worse, better = rng.choice([(0.4, 0.1), (0.05, 0.35), (0.2, 0.2)])
    ended: Any = None
    for look in range(1, 400):
        now = began + look * rollout.deadline / 300
        batch = [
            Matured(
                f"{look:04}-{row}", now - timedelta(seconds=61), None,
                {"champion": float(rng.random() < better), "challenger": float(rng.random() < worse)}
                if rng.random() < 0.9 else {"champion": None, "challenger": None},
            )
            for row in range(3)
        ]  # fmt: skip
        state = judging.advance(policy, state, batch, now)
        ended = judging.judge(policy, state, now)
        if isinstance(ended, Promote | RollBack | Inconclusive):
            break
    return _told(ended, started, spec, champion, now)


def _told(ended: Any, started: Event, spec: ModelSpec, champion: int, now: datetime) -> Event:
    outcome = {Promote: "promoted", RollBack: "rolled_back", Inconclusive: "inconclusive"}[type(ended)]
    numbers = ended.numbers
    payload = kinds.RolloutDecided(
        model="churn", version=started.data["version"], champion_version=champion,
        phase=kinds.RolloutPhase.SHADOW, outcome=kinds.RolloutOutcome(outcome),
        reason=ended.reason if isinstance(ended, Inconclusive) else "evidence", labels=numbers.labels,
        wealth_worse=numbers.wealth_worse, wealth_better=numbers.wealth_better,
        threshold=numbers.threshold, alpha=spec.rollout.alpha, margin=spec.rollout.margin,
        difference=numbers.difference, coverage_champion=numbers.coverage_champion,
        coverage_challenger=numbers.coverage_challenger, message="m",
    )  # fmt: skip
    source = "/kascade/judge_rollout"
    return answer(started, kinds.ROLLOUT_DECIDED, source, started.subject or "", payload, now=now)


def checked(rng: random.Random, closed: Event, drift: Drift, look: int) -> Event:
    """Return a look for drift whose tests are drawn at random, some of a stream that has no p-value."""
    tests = []
    for column in range(6):
        p_value = rng.choice([rng.random(), rng.random() ** 12])
        stream = rng.random() < 0.15
        statistic = rng.random()
        tests.append(
            Test(
                f"f{column}", "ks", statistic, None if stream else p_value, rng.uniform(0, 0.3), "w",
                threshold=0.8 if stream else None, row=7 if stream and statistic > 0.8 else None,
            )
        )  # fmt: skip
    policy = DriftPolicy(alpha=drift.alpha, min_effect=drift.min_effect)
    judged, spent = decide(policy, Observed(tuple(tests)), window=look)
    few = rng.random() < 0.2
    status = "drifted" if any(each.drifted for each in judged) else "stable"
    payload = kinds.DriftChecked(
        model="churn", version=closed.data["version"], of="inferences", window=look,
        status="insufficient" if few else status, detector="tabular", rows=drift.window, reference_rows=900,
        alpha=drift.alpha, alpha_spent=spent, min_effect=drift.min_effect, correction="holm",
        guarantee="budget", tests=0 if few else len(judged),
        features=[] if few else [
            kinds.FeatureDrift(
                feature=each.test.feature, method=each.test.method, statistic=each.test.statistic,
                p_value=each.test.p_value, p_value_corrected=each.p_value_corrected,
                threshold=each.test.threshold, effect=each.test.effect, effect_name=each.test.effect_name,
                drifted=each.drifted,
            )
            for each in judged
        ],
    )  # fmt: skip
    source = "/kascade/detect_drift"
    return answer(closed, kinds.DRIFT_CHECKED, source, closed.subject or "", payload, now=closed.time)
