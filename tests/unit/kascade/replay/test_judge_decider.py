"""The judge's and the watcher's decisions are made again from what they carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.catalogue import Claim, DecisionInputs
from functions.judge_rollout import logic as judge
from functions.judge_rollout import phases
from functions.judge_rollout.guards import Breach, Service, Services
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import policy_of
from functions.judge_rollout.record import record_requests, record_verdict
from functions.judge_rollout.verdict import Wait
from functions.watch_performance import logic as harm
from functions.watch_performance.sequential_test import SequentialTest
from kascade.replay.comparison import Compared
from pipelines.spec import ModelSpec

from .conftest import MINUTE, NOON, STORE, again, spec


def get(claim: Claim) -> bytes:
    return STORE.get(claim.uri, claim.sha256)


ROLLOUT = {"margin": 0.02, "min_labels": 50, "deadline": "10h", "phases": "[shadow]"}


def rollout(**changes: Any) -> ModelSpec:
    values = ", ".join(f"{name}: {value}" for name, value in (ROLLOUT | changes).items())
    return spec(rollout=f"{{{values}}}", labels="{window: 1m}")


def verdict(tried: ModelSpec | None, better: bool = True, services: Services | None = None) -> Compared:
    """A challenger that is better, or worse, by a fifth of all answers, taken in as it was labelled."""
    policy, folder = policy_of(rollout()), "s3://reports/churn/v2/decisions"
    state = phases.begin(policy, NOON)
    for check in range(1, 100):
        losses = [(float(row == 0), 0.0) if better else (0.0, float(row == 0)) for row in range(5)]
        requests = tuple(
            Matured(
                f"{check}-{row}", NOON + (check - 1) * MINUTE, None, {"champion": ours, "challenger": theirs}
            )
            for row, (ours, theirs) in enumerate(losses)
        )
        inputs = judge.Inputs(state, NOON + check * MINUTE, requests, services if check > 9 else None)
        decision = judge.decide(policy, inputs)
        state = record_requests(STORE, folder, inputs, decision.state)
        if not isinstance(decision.verdict, Wait):
            break
    numbers = judge.numbers_of(policy, state)
    guard = isinstance(decision.verdict, Breach)
    decided = kinds.RolloutDecided(
        model="churn",
        version=2,
        champion_version=1,
        phase=kinds.RolloutPhase.SHADOW,
        outcome=kinds.RolloutOutcome("promoted" if better and not guard else "rolled_back"),
        reason="guard" if guard else "evidence",
        labels=numbers.labels,
        wealth_worse=numbers.wealth_worse,
        wealth_better=numbers.wealth_better,
        threshold=numbers.threshold,
        alpha=policy.alpha,
        margin=policy.margin,
        message="m",
        decided_from=record_verdict(STORE, folder, policy, inputs, state),
    )
    return again(kinds.RolloutDecided.type, "judge_rollout", decided, tried)


def test_the_judge_decides_the_same_from_the_same_requests() -> None:
    for better in (True, False):
        same = verdict(None, better)
        assert (same.decidable, same.differs, same.subject) == (True, False, "churn/v2 shadow")
    assert verdict(rollout()).replayed == "promoted (evidence)"


@pytest.mark.parametrize(
    ("changes", "replayed"),
    [
        ({"margin": 0}, "promoted (evidence)"),  # it is better by a fifth
        ({"alpha": 0.001}, "waits"),
        ({"alpha": 0.2}, "promoted (evidence)"),
        ({"min_labels": 500}, "waits"),
        ({"deadline": "3m"}, "inconclusive (deadline)"),
        ({"strict": "true"}, "promoted (evidence)"),
        ({"phases": "[canary]"}, "nothing"),
        ({"canary_percent": 40}, "promoted (evidence)"),  # there was no canary
    ],
)
def test_the_judge_decides_anew_by_another_policy(changes: dict[str, Any], replayed: str) -> None:
    found = verdict(rollout(**changes))
    assert (found.decidable, found.replayed) == (True, replayed)


@pytest.mark.parametrize(
    ("section", "key"),
    [({"labels": "{window: 2m}"}, "labels.window"), ({"entity": "customer"}, "entity")],
)
def test_what_gathers_other_labels_cannot_be_replayed(section: dict[str, str], key: str) -> None:
    sections = {"rollout": "{margin: 0.02, min_labels: 50, deadline: 10h}", "labels": "{window: 1m}"}
    found = verdict(spec(**(sections | section)))
    assert not found.decidable
    assert found.why == f"with another {key} other predictions and labels would have counted"


def test_under_a_larger_margin_a_challenger_that_was_rolled_back_is_promoted() -> None:
    assert verdict(None, better=False).recorded == "rolled_back (evidence)"
    found = verdict(rollout(margin=0.5, min_labels=10), better=False)
    assert (found.differs, found.replayed) == (True, "promoted (evidence)")


def test_a_guards_verdict_is_replayed_from_both_arms_service() -> None:
    failing = Services(Service(0, [0.01] * 5_000), Service(500, [0.01] * 500), 1)
    assert verdict(None, services=failing).recorded == "rolled_back (guard)"
    assert not verdict(rollout(margin=0.5, alpha=0.2), services=failing).differs


def harmed(tried: ModelSpec | None = None, *, losses: int = 120) -> Compared:
    inputs = harm.Inputs(SequentialTest(n=40), 0.1, tuple(float(n % 3 > 0) for n in range(losses)))
    alarm = harm.decide(harm.Policy(timedelta(days=7), entity=False), inputs)
    payload = kinds.PerformanceDegraded(
        model="churn",
        version=2,
        statistic=alarm.statistic if alarm else 6000.0,
        threshold=5000.0,
        baseline=0.1,
        mean_loss=0.6,
        labels=alarm.n if alarm else 50,
        decided_from=DecisionInputs.of(harm.Policy(timedelta(days=7), entity=False), inputs),
    )
    return again(kinds.PerformanceDegraded.type, "watch_performance", payload, tried)


def test_harm_is_found_again_from_the_test_as_it_was_and_the_labels_that_came() -> None:
    found = harmed()
    assert (found.area, found.differs, found.decidable) == ("harm", False, True)
    assert found.recorded.startswith("harm (after ")
    assert not harmed(spec(retrain="{cooldown: 8h}")).differs


def test_harm_that_this_release_does_not_find_is_a_difference() -> None:
    found = harmed(losses=3)
    assert (found.differs, found.replayed) == (True, "no harm")


@pytest.mark.parametrize(
    ("section", "key"), [({"labels": "{window: 3d}"}, "labels.window"), ({"entity": "who"}, "entity")]
)
def test_harm_by_other_labels_cannot_be_replayed(section: dict[str, str], key: str) -> None:
    found = harmed(spec(**section))
    assert (found.decidable, found.why) == (False, f"with another {key} other labels would have counted")
