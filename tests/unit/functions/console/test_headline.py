"""The figures at the top of a model's page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.console.charts import Point
from functions.console.governor import Rule
from functions.console.headline import Figure, headline_of
from functions.console.history import DriftTable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMPTY = DriftTable((), ())


def figures(model: dict[str, Any], **given: Any) -> dict[str, Figure]:
    found = headline_of(model, given.get("losses", {}), given.get("drift", EMPTY), given.get("rules", []))
    return {each.name: each for each in found}


def test_a_model_without_anything_says_so() -> None:
    found = figures({"champion": None})

    assert found["Serves"].value == "nothing yet"
    assert {found[name].value for name in ("Loss lately", "Labelled", "Drift")} == {"–"}
    assert found["Training"].words == "may begin now"


def test_a_champion_beside_a_challenger_with_labels_and_drift() -> None:
    versions = [{"matured": 150, "labelled": 120}, {"matured": 50, "labelled": 50}]
    found = figures(
        {
            "champion": 1,
            "rollout": {"version": 2, "phase": "canary"},
            "feedback": {"versions": versions},
            "governor": {"training": [{"version": 3}]},
        },
        losses={1: [Point(NOON, 0.5, 20), Point(NOON, 0.125, 40)]},
        drift=DriftTable(({"status": "drifted", "window": 4, "of": "inferences"},), ()),
    )

    assert (found["Serves"].value, found["Serves"].words) == ("v1", "v2 in canary")
    assert (found["Loss lately"].value, found["Loss lately"].words) == ("12.5 %", "of its last 40 labels")
    assert (found["Labelled"].value, found["Labelled"].words) == ("85 %", "of 200 mature predictions")
    assert (found["Drift"].value, found["Drift"].kind) == ("drifted", "bad")
    assert (found["Training"].value, found["Training"].kind) == ("v3", "busy")


@pytest.mark.parametrize(
    ("governor", "holds", "words"),
    [
        ({}, ["trigger"], "nothing asks for one"),
        ({"waiting": ["dataset"]}, ["trigger"], "waits for: trigger"),
        ({}, ["breaker", "trigger"], "waits for: breaker, trigger"),
        ({"runs": [{"version": 2, "outcome": "failed"}]}, ["trigger"], "v2, the newest"),
    ],
)
def test_it_says_what_a_training_waits_for(governor: dict[str, Any], holds: list[str], words: str) -> None:
    rules = [Rule(name, True, "") for name in holds]

    assert figures({"champion": 1, "governor": governor}, rules=rules)["Training"].words == words


def test_a_retired_model_serves_nothing() -> None:
    assert figures({"champion": 1, "retired": {"at": "…"}})["Serves"].value == "nothing"
