"""Where a model stands, in words."""

from __future__ import annotations

from typing import Any

import pytest

from eventing.words.model_status import missing_words, model_status

GOVERNOR = {
    "running": None,
    "waiting": [],
    "until": None,
    "breaker": {"refused_in_a_row": 1, "limit": 2, "open": False},
    "budget": {"used": 3, "limit": 4},
}
NOTHING: dict[str, Any] = {"rollout": None, "judge": None, "feedback": None, "drift": None}
ROLLOUT = {
    "version": 3,
    "champion_version": 1,
    "phase": "canary",
    "percent": 10,
    "since": "2026-01-02T03:04:05+00:00",
    "paused": False,
    "held": False,
    "queued_version": None,
}


def words(**parts: Any) -> dict[str, str]:
    return dict(model_status({"model": "churn", **NOTHING, **parts}))


def test_a_quiet_model_has_only_its_governor() -> None:
    assert words(governor=GOVERNOR) == {
        "governor": "breaker closed (1 of 2 refused in a row); 3 of 4 automatic runs used in 24 hours"
    }


def run(**told: Any) -> dict[str, Any]:
    nothing = {"since": None, "ahead": 0, "step": None, "number": None, "steps": None}
    return {"run_id": "churn-v4", "version": 4, **nothing, **told}


@pytest.mark.case("I", "kascade models says how far a training is")
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "queued, about to begin"),
        ({"ahead": 2}, "queued behind 2"),
        ({"since": "2026-01-02T03:04:05+00:00"}, "training since 2026-01-0"),
        (
            {"since": "2026-01-02T03:04:05+00:00", "step": "experiment", "number": 4, "steps": 8},
            "training, step 4 of 8 (experiment) since 2026-01-0",
        ),
    ],
)
def test_a_run_under_way_says_how_far_it_is(told: dict[str, Any], said: str) -> None:
    assert words(governor={**GOVERNOR, "training": [run(**told)]})["training"].startswith(
        f"v4 (churn-v4): {said}"
    )


@pytest.mark.case("I", "a model without a version says why")
@pytest.mark.parametrize(
    ("governor", "said"),
    [
        ({}, "waiting for data"),
        ({"dataset": {"parts": 1, "rows": 9}}, "not trained yet"),
        ({"waiting": ["dataset"]}, "waiting to be trained"),
        ({"runs": [{"version": 1, "outcome": "failed"}]}, "the last training, of v1, failed"),
        ({"runs": [{"version": 1, "outcome": "lost"}]}, "the last training, of v1, was lost: its job died"),
    ],
)
def test_a_model_without_a_version_says_why(governor: dict[str, Any], said: str) -> None:
    assert missing_words({"model": "churn", "governor": {**GOVERNOR, **governor}}) == said


def test_an_open_breaker_and_what_waits_are_told() -> None:
    governor = {
        **GOVERNOR,
        "breaker": {"refused_in_a_row": 2, "limit": 2, "open": True},
        "said": "Wait budget: 4 automatic runs in 24 hours are the limit",
        "waiting": ["dataset", "drift"],
        "until": "2026-01-02T03:04:05+00:00",
    }
    told = words(governor=governor)["governor"]
    assert "breaker OPEN, automatic runs stop (2 of 2" in told
    assert told.endswith(": 4 automatic runs in 24 hours are the limit")
    assert "waiting for a run because of dataset, drift until 2026-01-0" in told


def test_a_canary_says_its_share_and_that_it_is_paused() -> None:
    told = words(rollout={**ROLLOUT, "paused": True, "held": True, "queued_version": 4})
    assert told["rollout"].startswith("v3 canary with 10 % of the requests beside v1 since 2026-01-0")
    assert told["rollout"].endswith(", PAUSED with a verdict held back")
    assert told["next"] == "v4 is approved and waits for its turn"


def test_a_shadow_answers_no_request() -> None:
    told = words(rollout={**ROLLOUT, "phase": "shadow", "percent": 0})["rollout"]
    assert told.startswith("v3 shadow beside v1")
    assert "PAUSED" not in told


def test_the_judges_wealth_stands_beside_what_it_needs() -> None:
    judge = {
        "version": 3,
        "phase": "shadow",
        "labels": 41,
        "threshold": 20.0,
        "wealth_worse": 0.25,
        "wealth_better": 3.5,
        "coverage_champion": 0.5,
        "coverage_challenger": None,
    }
    assert words(judge=judge)["judge"] == (
        "41 labels in shadow; wealth that v3 is worse 0.25, better 3.5, decided at 20; "
        "labelled: champion 50 %"
    )


def test_labels_harm_and_drift_are_told() -> None:
    feedback = {
        "waiting": 7,
        "versions": [{"version": 1, "matured": 200, "labelled": 150}, {"version": 2, "matured": 0}],
        "harm": {"version": 1, "labels": 88, "statistic": 5123.0, "alarmed_at": "2026-01-02T03:04:05+00:00"},
    }
    joined = {"joined": 90, "late": 6, "unknown": 4, "overtaken": 2, "since": "2026-01-02T03:04:05Z"}
    behind = {**feedback, "oldest": "2026-01-02T03:04:05Z", "lag_s": 12.345, "fates": joined}
    said = words(feedback=behind)["labels"]
    assert "; 7 wait to be joined, the oldest since 2026-01-0" in said
    assert "; they come 12.3 s after they were sent; of those since 2026-01-0" in said
    assert ", 6 % late, 4 % of no prediction that is known, 2 % handled after their predictions" in said
    looked = {"check": 3, "of": "inferences", "status": "stable", "rows": 500, "at": "2026-01-02T03:04:05Z"}
    told = words(feedback=feedback, drift=looked)
    assert told["labels"] == "v1 75 % of 200 labelled, v2 none mature; 7 wait to be joined"
    assert told["harm"].startswith("statistic 5,123 after 88 labels of v1, ALARM at 2026-01-0")
    assert told["drift"].startswith("check 3 of inferences: stable, 500 rows, at 2026-01-0")


def test_a_retired_model_says_since_when_and_who_asked() -> None:
    told = words(retired={"version": 2, "at": "2020-03-01T12:00:00+00:00", "message": "asked for by ann"})
    assert told["retired"].endswith(": asked for by ann")
    assert told["retired"].startswith("since 2020-03-01")


def test_a_model_that_is_being_retired_has_no_rollout_beside_anything() -> None:
    rollout = {
        "version": 2,
        "champion_version": 2,
        "phase": "retire",
        "percent": 0,
        "since": None,
        "paused": False,
        "held": True,
        "queued_version": None,
    }
    assert words(rollout=rollout)["rollout"] == "the model is being retired"
