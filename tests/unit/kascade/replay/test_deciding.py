"""What can and what cannot be decided anew from the numbers an event carries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventing import catalogue as kinds
from eventing.event import Event
from kascade.replay import drift, gate, judge
from kascade.replay.comparison import Compared, in_time
from kascade.replay.recording import Recorded, ReplayError, read_lines
from pipelines.spec import Drift, Gate, Rollout

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = kinds.Claim(uri="s3://models/churn/v2/model.onnx", sha256="0" * 64)


def row(type_: str, data: Any = None) -> Recorded:
    return Recorded(1, NOON, Event("e", "/s", type_, "churn/v2", NOON, data=data))


def decided(policy: Rollout, *, after: timedelta = timedelta(hours=1), **fields: Any) -> Compared:
    payload = kinds.RolloutDecided.model_validate(
        {
            "model": "churn", "version": 2, "champion_version": 1, "phase": "shadow", "outcome": "promoted",
            "reason": "evidence", "labels": 419, "wealth_worse": 0.03, "wealth_better": 25.0,
            "threshold": 20.0, "alpha": 0.05, "margin": 0.01, "coverage_champion": 0.8,
            "coverage_challenger": 0.799, "message": "not worse", **fields,
        }
    )  # fmt: skip
    return judge.decide(row(kinds.ROLLOUT_DECIDED), payload, policy, NOON - after)


def test_the_same_policy_gives_the_same_verdict() -> None:
    assert not decided(Rollout()).differs
    rolled_back = {"outcome": "rolled_back", "wealth_worse": 20.4, "wealth_better": 0.1}
    assert not decided(Rollout(), **rolled_back).differs
    inconclusive = {"outcome": "inconclusive", "reason": "coverage", "coverage_challenger": 0.5}
    assert not decided(Rollout(), after=timedelta(days=14), **inconclusive).differs


@pytest.mark.parametrize(
    ("policy", "rule", "why"),
    [
        (Rollout(alpha=0.01), "alpha", "wealth 25 is below 100"),
        (Rollout(min_labels=500), "min_labels", "419 labels are fewer than 500"),
    ],
)
def test_a_stricter_policy_would_have_waited(policy: Rollout, rule: str, why: str) -> None:
    found = decided(policy)
    assert (found.differs, found.replayed, found.rule) == (True, "waits", rule)
    assert why in found.why


@pytest.mark.parametrize(
    ("policy", "fields", "missing"),
    [
        (Rollout(margin=0.02), {}, "rollout.margin 0.02 in place of 0.01"),
        (Rollout(alpha=0.1), {}, "rollout.alpha 0.1 in place of 0.05"),
        (Rollout(strict=True), {"outcome": "inconclusive", "reason": "coverage"}, "with rollout.strict"),
        (Rollout(), {"coverage_challenger": 0.5}, "without rollout.strict"),
    ],
)
def test_what_takes_the_labels_is_said_to_be_undecidable(
    policy: Rollout, fields: dict[str, Any], missing: str
) -> None:
    found = decided(policy, **fields)
    assert (found.decidable, found.differs, found.replayed) == (False, False, "?")
    assert found.why.startswith("not decidable from the event: ")
    assert missing in found.why
    assert found.as_json()["replayed"] is None


def test_a_later_deadline_would_have_waited_and_an_earlier_one_not() -> None:
    for reason in ("deadline", "coverage"):
        late = {"outcome": "inconclusive", "reason": reason, "wealth_better": 2.0}
        assert decided(Rollout(deadline=timedelta(hours=2)), **late).replayed == "waits"
        assert not decided(Rollout(deadline=timedelta(minutes=30)), **late).differs


def test_a_guards_verdict_stands_under_any_policy() -> None:
    broken = {"outcome": "rolled_back", "reason": "guard", "wealth_worse": 1.0}
    assert not decided(Rollout(margin=0.5, alpha=0.2), **broken).differs


def looked(policy: Drift, *features: dict[str, Any], **fields: Any) -> Compared:
    told = [
        {
            "feature": "amount", "method": "ks", "statistic": 0.4, "effect": 0.2, "effect_name": "w",
            "drifted": False, **feature,
        }
        for feature in features
    ]  # fmt: skip
    payload = kinds.DriftChecked.model_validate(
        {
            "model": "churn", "version": 2, "of": "inferences", "window": 1, "status": "stable", "rows": 500,
            "detector": "tabular", "reference_rows": 900, "alpha": 0.05, "alpha_spent": 0.0304,
            "min_effect": 0.1, "correction": "holm", "guarantee": "budget", "tests": len(told),
            "features": told, **fields,
        }
    )  # fmt: skip
    return drift.decide(row(kinds.DRIFT_CHECKED), payload, policy)


def test_a_larger_alpha_finds_what_a_smaller_one_passed_over() -> None:
    feature = {"p_value_corrected": 0.04}
    assert looked(Drift(), feature).replayed == "stable"
    found = looked(Drift(alpha=0.2), feature)
    assert (found.differs, found.replayed) == (True, "drifted")
    assert "amount: p 0.04, effect 0.2; look 1 may spend 0.1216" in found.why


def test_a_larger_effect_is_asked_of_a_detector_on_a_stream_too() -> None:
    feature = {"threshold": 0.3, "drifted": True}
    assert not looked(Drift(), feature, status="drifted").differs
    assert looked(Drift(min_effect=0.3), feature, status="drifted").replayed == "stable"
    below = {"threshold": 0.3, "effect": 0.05}
    assert looked(Drift(min_effect=0.01), below).replayed == "drifted"


def test_a_look_with_too_few_rows_stays_so() -> None:
    assert not looked(Drift(alpha=0.5, min_effect=0.0), status="insufficient").differs


def test_tests_that_the_event_leaves_out_and_other_windows_are_undecidable() -> None:
    told = looked(Drift(alpha=0.2), {"p_value_corrected": 0.9}, tests=12)
    assert "1 of 12 tests are in it" in told.why
    assert not told.decidable
    assert looked(Drift(alpha=0.01), {"p_value_corrected": 0.9}, tests=12).decidable
    assert "the windows would be other ones" in looked(Drift(window=900), {"p_value_corrected": 0.9}).why


def judged(policy: Gate, type_: str = kinds.MODEL_APPROVED, **fields: Any) -> Compared:
    verdict = kinds.GateVerdict.model_validate(
        {
            "model": "churn", "version": 2, "candidate": CLAIM.model_dump(), "metric": "roc_auc",
            "value": 0.9, "minimum": 0.75, "champion_version": 1, "champion_value": 0.89,
            "interval_low": -0.005, "interval_high": 0.03, "rows": 800, "rule": "passed", "message": "m",
            **fields,
        }
    )  # fmt: skip
    return gate.decide(row(type_), verdict, policy, {"roc_auc": 0.91})


def test_the_gate_decides_anew_by_its_margin_minimum_and_who_has_the_last_word() -> None:
    assert not judged(Gate(min=0.75)).differs
    assert judged(Gate(min=0.75, margin=0.001)).replayed == "rejected (margin)"
    assert judged(Gate(min=0.905)).replayed == "approved (passed)"  # 0.91 on the whole holdout
    assert judged(Gate(min=0.95)).replayed == "rejected (min)"
    assert judged(Gate(min=0.75, better_than_champion_by=0.05)).replayed == "rejected (margin)"
    assert judged(Gate(min=0.75, approval="manual")).replayed == "a person is asked (approval)"


def test_what_was_below_the_minimum_is_compared_once_the_minimum_is_lower() -> None:
    low = {"rule": "min", "minimum": 0.95}
    assert not judged(Gate(min=0.95), kinds.MODEL_REJECTED, **low).differs
    assert judged(Gate(min=0.75), kinds.MODEL_REJECTED, **low).replayed == "approved (passed)"


def test_slices_pass_or_fail_as_they_did_and_unmeasured_ones_are_undecidable() -> None:
    part = {"column": "country", "value": "DE", "rows": 90, "metric": 0.8, "champion_metric": 0.8}
    failed = {"rule": "slices", "slices": [{**part, "passed": False}]}
    named = Gate(min=0.75, slices=("country",))
    assert not judged(named, kinds.MODEL_REJECTED, **failed).differs
    assert judged(Gate(min=0.75), kinds.MODEL_REJECTED, **failed).replayed == "approved (passed)"
    passed = {"slices": [{**part, "passed": True}]}
    assert not judged(named, **passed).differs
    assert judged(Gate(min=0.85, slices=("country",)), **passed).replayed == "rejected (slices)"
    assert "no slice of age was measured" in judged(Gate(min=0.75, slices=("age",))).why
    assert judged(Gate(min=0.95, slices=("age",))).replayed == "rejected (min)"


def test_only_the_governors_decisions_after_its_first_difference_are_what_if() -> None:
    def one(minute: int, area: Any, replayed: str) -> Compared:
        return Compared(NOON + timedelta(minutes=minute), "churn", area, "churn", "a", replayed, "r", "w")

    found = in_time(
        [one(3, "gate", "b"), one(2, "governor", "a"), one(1, "governor", "b"), one(0, "gate", "b")]
    )
    assert [(each.area, each.differs, each.what_if) for each in found] == [
        ("gate", True, False),
        ("governor", True, False),
        ("governor", False, True),
        ("gate", True, False),
    ]


def test_bare_events_are_a_log_too_and_bad_lines_are_named() -> None:
    bare = (
        '{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-03-01T12:00:00+00:00"}'
    )
    (only,) = read_lines([bare, "", bare])
    assert (only.at, only.event.id) == (NOON, "1")
    for line in (
        "[1]",
        "{",
        '{"event": {"id": "1"}}',
        '{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}',
    ):
        with pytest.raises(ReplayError, match="line 2"):
            read_lines([bare, line])
    with pytest.raises(ReplayError, match="whole=1"):
        read_lines(['{"seq": 1, "event": {"id": "1", "data_omitted_bytes": 9}}'])
