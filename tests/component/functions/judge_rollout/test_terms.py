"""What both versions' cards say that errors cost, and whose labels are asked for, holds for the rollout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from support.world import MODEL

from eventing import catalogue as c
from functions.judge_rollout.policy import policy_from_json
from functions.state.judges import JudgeRow

from .conftest import Court, play

COSTS = {"said": "balanced", "weights": [0.05, 1.0], "unit": 0.1}
LOSS = {"rows": 1000, "mean": 0.1, "variance": 0.09, "scale": 1.0, "costs": COSTS}


class Weighed(Court):
    """Errors in place of the second class cost twenty times as much, and half of the labels are asked for."""

    cards: ClassVar[Mapping[str, Any]] = {"loss": LOSS, "randomised": 0.5}


@pytest.fixture
def weighed(database: str) -> Iterator[Weighed]:
    made = Weighed(database)
    yield made
    made.world.engine.dispose()


def decided(event: Any) -> c.RolloutDecided:
    assert event is not None
    return c.RolloutDecided.model_validate(event.data)


def test_a_verdict_counts_errors_by_their_costs_and_margins_by_their_unit(weighed: Weighed) -> None:
    verdict = decided(play(weighed, 0.3, 0.05))

    assert verdict.outcome == "promoted"
    assert (verdict.loss_unit, verdict.randomised) == (0.1, 0.5)
    assert verdict.difference is not None
    assert -4 < verdict.difference < -0.4, "of plain errors it would be about -0.25"
    assert verdict.asked > 0


def test_a_rollout_of_versions_whose_cards_say_nothing_counts_each_error_alike(court: Court) -> None:
    verdict = decided(play(court, 0.3, 0.05))

    assert (verdict.loss_unit, verdict.randomised, verdict.asked) == (1.0, None, 0)


def test_a_label_is_asked_for_at_random_only_where_both_versions_say_so(weighed: Weighed) -> None:
    weighed.world.version(3, loss=LOSS)
    started = c.RolloutStarted(
        model=MODEL, version=3, champion_version=1, phase=c.RolloutPhase.SHADOW, revision="churn-v3"
    )
    weighed.rollout(c.RolloutStarted.type, started)

    with weighed.world.session() as session:
        policy = session.get_one(JudgeRow, MODEL).policy
    assert policy is not None
    assert policy_from_json(policy).randomised is None
    assert policy_from_json(policy).loss_unit == 0.1
