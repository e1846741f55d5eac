"""Former champions against the champion: who returns, after how many labels, and how often that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulations import pool as simulated
from functions.evaluate_model.former import STAKES, Former
from functions.evaluate_model.pool import (
    THRESHOLD,
    Pool,
    Recall,
    Stay,
    decide,
    formers_of,
    observe,
    promise,
    reign_of,
)
from functions.state.versions import Fact, champion_of
from pipelines.spec import Rollout

START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Rollout()


def pool_of(*versions: int) -> Pool:
    return Pool(9, START, START, formers=tuple(Former(version) for version in versions))


def play(pool: Pool, labels: int, champion: float, **losses: float) -> Pool:
    """Let the champion and the former champions (v1=0.0) lose the same at each of some labels."""
    for _ in range(labels):
        pool = observe(POLICY, pool, champion, {int(name[1:]): loss for name, loss in losses.items()})
    return pool


def test_a_former_champion_that_is_right_where_the_champion_is_wrong_returns_with_the_least_labels() -> None:
    pool = play(pool_of(1, 2), POLICY.min_labels - 1, 1.0, v1=0.0, v2=1.0)
    assert isinstance(decide(POLICY, pool), Stay)
    recall = decide(POLICY, play(pool, 1, 1.0, v1=0.0, v2=1.0))
    assert isinstance(recall, Recall)
    assert (recall.former.version, recall.former.gained) == (1, POLICY.min_labels)


def test_what_it_lost_under_another_concept_is_no_debt() -> None:
    debtor = play(pool_of(1), 5_000, 0.0, v1=1.0)
    assert debtor.formers[0].statistic < 10
    assert isinstance(decide(POLICY, play(debtor, 100, 1.0, v1=0.0)), Recall)


def test_of_two_that_are_better_the_one_with_more_proof_returns() -> None:
    recall = decide(POLICY, play(pool_of(1, 2), 200, 1.0, v1=0.5, v2=0.0))
    assert isinstance(recall, Recall)
    assert recall.former.version == 2


def test_one_that_is_as_good_or_better_by_the_margin_alone_stays_away() -> None:
    pool = play(pool_of(1, 2), 4_999, 0.5, v1=0.5, v2=0.5 - POLICY.margin)
    assert isinstance(decide(POLICY, pool), Stay)
    assert pool.formers[1].statistic <= 5_000, "at the margin the sums grow by one a label, on the mean"


def test_one_that_does_not_answer_takes_no_part() -> None:
    pool = play(pool_of(1, 2), 200, 1.0, v1=0.0)
    assert (pool.formers[1].labels, pool.formers[1].recent) == (0, ())


def test_one_that_is_less_bad_but_does_not_keep_its_promise_stays_away() -> None:
    pool = replace(pool_of(1), formers=(Former(1, promised=promise(0.1, 0.09, 0.01)),))
    bad = play(pool, 300, 1.0, v1=0.5)
    assert bad.formers[0].statistic > THRESHOLD
    assert isinstance(decide(POLICY, bad), Stay)
    assert isinstance(decide(POLICY, play(bad, 50, 1.0, v1=0.1)), Recall)


def test_a_promise_allows_for_chance() -> None:
    assert promise(0.1, 0.09, 0.01) == pytest.approx(0.11 + 3 * (0.09 / 50) ** 0.5)


def test_without_a_pool_in_model_yaml_none_returns() -> None:
    pool = play(pool_of(1), 200, 1.0, v1=0.0)
    assert isinstance(decide(POLICY.model_copy(update={"pool": 0}), pool), Stay)


@pytest.mark.parametrize("loss", [-0.1, 1.1, float("nan")])
def test_what_is_no_loss_is_refused(loss: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        observe(POLICY, pool_of(1), loss, {1: 0.0})


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=200), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_sums_are_finite_and_never_negative_whatever_the_margin(
    losses: list[tuple[float, float]], margin: float
) -> None:
    policy, pool = POLICY.model_copy(update={"margin": margin}), pool_of(1)
    for champion, former in losses:
        pool = observe(policy, pool, champion, {1: former})
    assert all(0.0 <= each < float("inf") for each in pool.formers[0].sums)
    assert pool.formers[0].labels == len(losses)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(Fact)), max_size=30), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_a_pool_has_no_champion_nobody_twice_and_nobody_that_never_was_one(
    facts: list[tuple[int, Fact]], size: int
) -> None:
    formers = formers_of(facts, size)
    assert champion_of(facts) not in formers
    assert len(set(formers)) == len(formers) <= size
    assert set(formers) <= {version for version, fact in facts if fact is Fact.PROMOTED}


def test_the_pool_is_the_last_champions_before_without_those_taken_back() -> None:
    P, R = Fact.PROMOTED, Fact.ROLLED_BACK  # noqa: N806 - a table of facts
    facts = [(1, P), (2, P), (3, P), (2, P), (4, P), (5, Fact.PROBATION)]
    assert formers_of(facts, 3) == [4, 2, 3]
    assert formers_of([*facts, (5, P)], 9) == [4, 2, 3, 1]
    assert formers_of([*facts, (5, R)], 9) == [2, 3, 1], "v4 is champion again"
    assert formers_of([*facts, (5, R), (2, Fact.PROBATION), (2, R)], 9) == [3, 1], "v2 was taken back"
    assert formers_of([*facts, (5, Fact.RETIRED)], 9) == []


def test_a_reign_begins_with_the_fact_that_made_the_champion() -> None:
    def at(*facts: tuple[int, Fact]) -> tuple[int, datetime] | None:
        return reign_of([(*fact, START + timedelta(hours=n)) for n, fact in enumerate(facts)])

    assert at() is None
    on_probation = ((1, Fact.PROMOTED), (2, Fact.APPROVED), (2, Fact.PROBATION), (2, Fact.PROMOTED))
    assert at(*on_probation) == (2, START + timedelta(hours=2)), "its confirmation begins nothing anew"
    back = ((1, Fact.PROMOTED), (2, Fact.PROMOTED), (2, Fact.ROLLED_BACK), (3, Fact.REJECTED))
    assert at(*back) == (1, START + timedelta(hours=2))


def test_the_simulation_sums_exactly_as_the_rule_does() -> None:
    rng = np.random.default_rng(3)
    champion, former = rng.random((1, 300)), rng.random((1, 300))
    sums = simulated.Sums(streams=1, margin=POLICY.margin)
    pool = pool_of(1)
    for theirs, ours in zip(champion[0], former[0], strict=True):
        sums.take(np.array([theirs - ours]))
        pool = observe(POLICY, pool, theirs, {1: ours})
        assert sums.statistic()[0] == pytest.approx(pool.formers[0].statistic)


def test_false_returns_are_as_rare_as_promised_and_true_ones_soon() -> None:
    """The mean number of labels until a false return is at least THRESHOLD, also at the margin."""
    for worse in (0.0, POLICY.margin):
        first = simulated.first_recalls(0.10 + worse, 0.10, formers=3, streams=100, labels=8_000, seed=5)
        assert float(np.mean(first)) >= 0.9 * THRESHOLD, "cut at 8,000 labels, so the mean is larger"
    soon = simulated.first_recalls(0.5, 0.1, formers=3, streams=100, labels=1_000, seed=5)
    assert float(np.median(soon)) <= 150


def test_a_return_starts_from_nothing_so_the_next_one_needs_a_proof_of_its_own() -> None:
    pool = play(pool_of(1), 150, 1.0, v1=0.0)
    assert isinstance(decide(POLICY, pool), Recall)
    returned = replace(pool, champion=1, formers=(Former(9),))
    assert isinstance(decide(POLICY, play(returned, 99, 1.0, v9=0.0)), Stay)


def test_every_stake_can_be_paid() -> None:
    assert max(STAKES) < 1.0
