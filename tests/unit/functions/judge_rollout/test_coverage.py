"""Labels that are missing, or come for one arm rather than the other, hold a promotion up."""

from __future__ import annotations

from dataclasses import replace

from functions.judge_rollout.logic import judge
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack, Wait

from .conftest import POLICY, START, bad, canary, good, settle, shadow


def partly_labelled(n: int, every: int, until: int) -> list[Matured]:
    """Requests of a better challenger, of whose first ones every so many lack the challenger's answer."""
    return [
        replace(each, losses={**each.losses, "challenger": None}) if i < until and i % every == 0 else each
        for i, each in enumerate(good(n))
    ]


def test_a_promotion_with_unequal_coverage_waits_and_is_inconclusive_at_the_deadline() -> None:
    requests = partly_labelled(8_000, every=3, until=8_000)

    state, verdict = settle(POLICY, requests)

    assert isinstance(verdict, Wait)
    assert state.crossed == "better"
    ended = judge(POLICY, state, START + POLICY.deadline)
    assert isinstance(ended, Inconclusive)
    assert ended.reason == "coverage"
    assert ended.numbers.coverage_challenger is not None
    assert ended.numbers.coverage_challenger < 1 - POLICY.margin / 2


def test_a_gap_of_coverage_that_fades_holds_a_promotion_up_until_the_predictions_have_doubled() -> None:
    requests = partly_labelled(8_000, every=3, until=12)
    won = next(n for n in range(8_000) if settle(POLICY, requests[:n])[0].crossed)

    states = [settle(POLICY, requests[: k * won])[1] for k in (1, 2, 4, 8)]

    assert [type(each) for each in states[:2]] == [Wait, Wait]
    assert isinstance(states[-1], Promote)
    first = next(each for each in states if isinstance(each, Promote))
    assert first == states[-1], "what follows the promotion changes nothing"
    assert first.numbers.labels == settle(POLICY, requests[:won])[0].better.n, "no bet after the won one"


def test_equal_gaps_of_both_arms_hinder_nothing() -> None:
    requests = [shadow(i, None, None) if i % 3 == 1 else each for i, each in enumerate(good(2_000))]

    assert isinstance(settle(POLICY, requests)[1], Promote)


def test_a_rollback_is_not_held_back_by_coverage() -> None:
    requests = bad(2_000)
    for i in range(1, 60, 3):
        requests[i] = shadow(i, 0.0, None)

    assert isinstance(settle(POLICY, requests)[1], RollBack)


def test_strict_mode_counts_a_missing_label_against_the_challenger() -> None:
    requests = [shadow(i, None, None) for i in range(200)]

    assert isinstance(settle(replace(POLICY, strict=True), requests)[1], RollBack)
    assert isinstance(settle(POLICY, requests)[1], Wait)


def test_a_canarys_missing_labels_are_counted_per_arm() -> None:
    requests = [
        canary(i, "challenger" if i % 10 == 0 else "champion", None if i % 20 == 0 else 0.0)
        for i in range(200)
    ]

    state, _ = settle(POLICY, requests)

    assert (state.coverage.challenger, state.coverage.champion) == (0.5, 1.0)


def flagged(n: int, *, labelled: bool) -> list[Matured]:
    """Requests of a better challenger, which flags every seventh; `labelled`: those get a label too."""
    requests = []
    for number, each in enumerate(good(n)):
        flag = number % 7 == 0
        losses = each.losses if labelled or not flag else dict.fromkeys(each.losses)
        requests.append(replace(each, losses=losses, answers={"champion": "0", "challenger": str(int(flag))}))
    return requests


def test_labels_that_hang_on_an_answer_hold_a_promotion_up_and_end_it_as_inconclusive() -> None:
    requests = flagged(4_000, labelled=False)

    state, verdict = settle(POLICY, requests)

    assert isinstance(verdict, Wait)
    assert state.crossed == "better"
    assert (state.coverage.champion, state.coverage.challenger) == (state.coverage.champion,) * 2
    ended = judge(POLICY, state, START + POLICY.deadline)
    assert isinstance(ended, Inconclusive)
    assert (ended.reason, ended.numbers.labels_depend_on) == ("labels", "challenger")
    assert isinstance(settle(POLICY, flagged(4_000, labelled=True))[1], Promote)
