"""Rows that the releases before wrote by hand are read, and what is written is read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from functions.judge_rollout.coverage import Coverage
from functions.judge_rollout.pairing import Waiting
from functions.judge_rollout.policy import Policy, policy_from_json, policy_to_json
from functions.judge_rollout.state import JudgeState, state_from_json, state_to_json
from functions.judge_rollout.wealth import Bet

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = "f3f662f2a2badee3b8ffac04fdbd446e0303389ef11f075e26db9d2ab492878c"
POLICY = """{"margin": 0.01, "alpha": 0.05, "min_labels": 100, "deadline": 21600.0, "label_window": 90.0,
    "canary_percent": 10, "period": 86400.0, "entity_period": 86400.0, "strict": false}"""
STATE = f"""{{"started_at": "2026-03-01T12:00:00+00:00", "phase_at": "2026-03-01T12:00:00+00:00",
    "worse": {{"null": 0.0, "wealth": 1.0, "s": 0.0, "v": 0.0, "n": 0}},
    "better": {{"null": -0.01, "wealth": 1.0, "s": 0.0, "v": 0.0, "n": 0}}, "crossed": null,
    "coverage": {{"champion_matured": 3, "champion_labelled": 2, "challenger_matured": 1,
    "challenger_labelled": 1}}, "waiting": {{"period": 20513, "challenger": [0.0], "champion": [1.0, 0.0],
    "unpaired": 0}}, "entities": ["5c88e7a226e11ad1", "8b5cc4df7eec7d32"], "entity_period": 20513,
    "repeats": 2, "through": ["2026-03-01T12:00:05.001500+00:00", "id-5"], "digest": "{DIGEST}"}}"""


def test_a_policy_of_before_is_read() -> None:
    assert policy_from_json(json.loads(POLICY)) == Policy(
        deadline=timedelta(hours=6), label_window=timedelta(seconds=90), entity_period=timedelta(days=1)
    )


def test_a_judges_state_of_before_is_read() -> None:
    assert state_from_json(json.loads(STATE)) == JudgeState(
        NOON,
        NOON,
        worse=Bet(null=0.0),
        better=Bet(null=-0.01),
        coverage=Coverage(3, 2, 1, 1),
        waiting=Waiting(20513, (0.0,), (1.0, 0.0), 0),
        entities=frozenset({"5c88e7a226e11ad1", "8b5cc4df7eec7d32"}),
        entity_period=20513,
        repeats=2,
        through=(NOON + timedelta(seconds=5, microseconds=1500), "id-5"),
        digest=DIGEST,
    )


def test_what_is_written_is_read_again_and_durations_stay_seconds() -> None:
    policy, judge = policy_from_json(json.loads(POLICY)), state_from_json(json.loads(STATE))
    assert policy_to_json(policy) == {
        **json.loads(POLICY),
        "by_entity": False,
        "loss_unit": 1.0,
        "randomised": None,
        "loss": "zero_one",
        "wanted_randomised": 0.0,
    }
    assert state_from_json(json.loads(json.dumps(state_to_json(judge)))) == judge


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="canary_percent"):
        policy_from_json({**json.loads(POLICY), "canary_percent": 90})
