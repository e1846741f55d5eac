"""Where a model stands, in words."""

from __future__ import annotations

from typing import Any

from kascade.rendering.model_status import model_status

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


def test_an_open_breaker_and_what_waits_are_told() -> None:
    governor = {
        **GOVERNOR,
        "breaker": {"refused_in_a_row": 2, "limit": 2, "open": True},
        "running": "churn-v4",
        "waiting": ["dataset", "drift"],
        "until": "2026-01-02T03:04:05+00:00",
    }
    told = words(governor=governor)["governor"]
    assert "breaker OPEN, automatic runs stop (2 of 2" in told
    assert "churn-v4 runs" in told
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
    looked = {"look": 3, "of": "inferences", "status": "stable", "rows": 500, "at": "2026-01-02T03:04:05Z"}
    told = words(feedback=feedback, drift=looked)
    assert told["labels"] == "v1 75 % of 200 labelled, v2 none mature; 7 wait to be joined"
    assert told["harm"].startswith("statistic 5,123 after 88 labels of v1, ALARM at 2026-01-0")
    assert told["drift"].startswith("look 3 of inferences: stable, 500 rows, at 2026-01-0")


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
