"""Which runs leave the harm open that they were to answer."""

from __future__ import annotations

from typing import Any

import pytest

from functions.govern_training.open_harm import leaves_harm_open

from .conftest import run


@pytest.mark.parametrize(
    ("changes", "left_open"),
    [
        ({"verdict": "rejected", "rollout": None}, True),
        ({"verdict": "asked", "rollout": None}, True),
        ({"verdict": "superseded", "rollout": None}, False),
        ({"verdict": "approved", "rollout": None}, False),
        ({"verdict": None, "rollout": None}, False),
        ({"rollout": "rolled_back"}, True),
        ({"rollout": "inconclusive"}, True),
        ({"rollout": "promoted"}, False),
        ({"verdict": "rejected", "rollout": "promoted"}, False),
        ({"verdict": "rejected", "rollout": None, "answers_harm": False}, False),
    ],
)
def test_a_version_that_is_refused_or_waits_for_a_person_leaves_harm_open(
    changes: dict[str, Any], left_open: bool
) -> None:
    answers: dict[str, Any] = {"answers_harm": True} | changes
    assert leaves_harm_open([run(1), run(2, **answers)], 2) is left_open


@pytest.mark.parametrize(
    ("newer", "left_open"),
    [
        ({"ended_at": None, "outcome": None, "verdict": None, "rollout": None}, False),
        ({"verdict": None, "rollout": None}, False),
        ({"verdict": "approved", "rollout": None}, False),
        ({"verdict": "rejected", "rollout": None}, True),
        ({"verdict": "approved", "rollout": None, "answers_harm": False}, True),
    ],
)
def test_a_newer_run_that_is_to_answer_it_is_its_answer(newer: dict[str, Any], left_open: bool) -> None:
    refused = run(2, answers_harm=True, verdict="rejected", rollout=None)
    later: dict[str, Any] = {"answers_harm": True} | newer
    assert leaves_harm_open([refused, run(3, **later)], 2) is left_open


def test_a_run_that_is_not_known_leaves_nothing_open() -> None:
    assert not leaves_harm_open([], 1)
