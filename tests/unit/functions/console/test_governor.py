"""Why a training does not begin now."""

from __future__ import annotations

from typing import Any

from functions.console.governor import why_not_now


def governor(**changes: Any) -> dict[str, Any]:
    plain = {
        "dataset": {"rows": 1200, "parts": 2},
        "running": None,
        "training": [],
        "waiting": [],
        "until": None,
        "said": "",
        "breaker": {"refused_in_a_row": 1, "limit": 3, "open": False},
        "budget": {"used": 4, "limit": 4},
    }
    return {"governor": {**plain, **changes}}


def test_each_rule_says_how_far_it_is_from_no() -> None:
    rules = {rule.name: rule for rule in why_not_now(governor())}

    assert (rules["data"].holds, rules["data"].words) == (False, "1,200 rows in 2 parts")
    assert (rules["breaker"].holds, rules["breaker"].words) == (
        False,
        "1 versions in a row were refused, open at 3",
    )
    assert (rules["budget"].holds, rules["budget"].words) == (
        True,
        "4 automatic runs in 24 hours, spent at 4",
    )
    assert "nothing asks for a training" in rules["trigger"].words


def test_what_waits_is_said_with_its_reason() -> None:
    found = why_not_now(governor(waiting=["drift"], said="deferred: the cooldown lasts"))

    assert found[-1].words == "drift waits: the cooldown lasts"


def test_a_model_that_is_not_known_to_the_governor_or_retired_is_described_all_the_same() -> None:
    assert [rule.name for rule in why_not_now({"governor": {}, "retired": {"at": "x"}})] == [
        "data",
        "under way",
        "retired",
        "trigger",
    ]
