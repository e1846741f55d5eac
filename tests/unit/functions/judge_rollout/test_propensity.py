"""Labels that hang on the decision, where a share of them is asked for at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.propensity import Unasked, asked, weight_of
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack, Wait

from .conftest import MINUTE, START, settle

POLICY = Policy(label_window=timedelta(0), deadline=timedelta(days=365), randomised=0.1)
LATER = START + timedelta(days=300)
Labelled = Callable[[Matured, bool], bool]


def requests(n: int, *, worse: float, labelled: Labelled, seed: int = 1) -> list[Matured]:
    """A shadow's requests: the challenger errs by so much more than the champion, of 0.1.

    Args:
        labelled: of a request and its truth, whether the label comes.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n):
        truth = bool(rng.random() < 0.3)
        draw = rng.random()
        champion, challenger = draw < 0.1, draw < 0.06 or 0.1 <= draw < 0.14 + worse
        answers = {"champion": str(truth ^ champion), "challenger": str(truth ^ challenger)}
        losses = {"champion": float(champion), "challenger": float(challenger)}
        made = Matured(f"p{number:06}", START + number * MINUTE, None, losses, answers)  # type: ignore[arg-type]
        if not labelled(made, truth):
            made = replace(made, losses=dict.fromkeys(made.losses))
        found.append(made)
    return found


def unless_blocked(request: Matured, truth: bool) -> bool:
    """A champion's yes is blocked, and shows its truth only where that was asked for."""
    return request.answers["champion"] == "False" or asked(POLICY, request)


def always(request: Matured, truth: bool) -> bool:
    return True


def test_an_answer_counts_fully_until_it_is_known_to_get_its_labels_anyway() -> None:
    request = requests(1, worse=0.0, labelled=always)[0]
    one = next(each for each in requests(200, worse=0.0, labelled=always) if asked(POLICY, each))
    other = next(each for each in requests(200, worse=0.0, labelled=always) if not asked(POLICY, each))
    key = f"challenger={request.answers['challenger']}\x1fchampion={request.answers['champion']}"
    opened = Unasked({key: (60, 60)})

    assert weight_of(POLICY, Unasked(), one) == 1.0
    assert weight_of(POLICY, Unasked(), other) == 0.0
    assert weight_of(POLICY, opened, replace(other, answers=request.answers)) == 0.1
    assert weight_of(POLICY, Unasked({key: (60, 59)}), replace(other, answers=request.answers)) == 0.0


@pytest.mark.parametrize("labelled", [unless_blocked, always])
def test_a_better_challenger_is_promoted_from_labels_that_hang_on_the_decision(labelled: Labelled) -> None:
    state, verdict = settle(POLICY, requests(20_000, worse=-0.03, labelled=labelled), LATER)

    assert isinstance(verdict, Promote)
    assert verdict.numbers.difference == pytest.approx(-0.03, abs=0.015)
    assert verdict.numbers.randomised == 0.1
    assert 0.05 < verdict.numbers.asked / state.coverage.challenger_matured <= 1.0


def test_a_worse_challenger_whose_errors_are_blocked_is_rolled_back() -> None:
    _, verdict = settle(POLICY, requests(15_000, worse=0.06, labelled=unless_blocked), LATER)

    assert isinstance(verdict, RollBack)


def test_where_even_the_labels_that_were_asked_for_hang_on_the_answer_nothing_is_promoted() -> None:
    def selective(request: Matured, truth: bool) -> bool:
        return request.answers["challenger"] == request.answers["champion"] or request.prediction_id[-1] < "3"

    _, verdict = settle(POLICY, requests(8_000, worse=-0.03, labelled=selective), LATER)

    assert isinstance(verdict, Wait)
    assert verdict.numbers.labels_depend_on is not None or verdict.numbers.wealth_better < 20


def test_an_equal_challenger_that_seems_worse_as_the_champions_yes_has_no_labels_is_not_rolled_back() -> None:
    def never_blocked(request: Matured, truth: bool) -> bool:
        return request.answers["champion"] == "False"

    policy = replace(POLICY, randomised=None)
    state, verdict = settle(policy, requests(6_000, worse=0.0, labelled=never_blocked), LATER)

    assert state.crossed == "worse"
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason == "labels"
    assert verdict.numbers.labels_depend_on is not None


def test_in_a_canary_both_arms_count_alike() -> None:
    def one_arm(worse: float) -> list[Matured]:
        found = requests(25_000, worse=worse, labelled=always, seed=2)
        for place, each in enumerate(found):
            arm: Arm = "challenger" if place % 10 == 0 else "champion"
            blocked = each.answers[arm] == "True" and not asked(POLICY, each)
            losses = {arm: None if blocked else each.losses[arm]}
            found[place] = replace(each, losses=losses, answers={arm: each.answers[arm]})
        return found

    assert isinstance(settle(POLICY, one_arm(0.3), LATER)[1], RollBack)
    assert not isinstance(settle(POLICY, one_arm(-0.03), LATER)[1], RollBack)
