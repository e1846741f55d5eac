"""The anchor: a chain of promotions, each within the margin, does not become worse without end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from functions.evaluate_model.anchor import Anchor, next_champion, observe_anchor
from functions.evaluate_model.former import Former
from functions.evaluate_model.pool import Pool, Recall, Stay, decide, observe
from functions.evaluate_model.pool_records import for_reign
from pipelines.spec import Rollout

START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Rollout()


def reign(pool: Pool | None, champion: int, before: list[int]) -> Pool:
    """The pool as a new champion comes, with formers that keep their promise of 0.15."""
    made = for_reign(pool, champion, START.replace(hour=champion % 24), before[:3], before)
    assert made.anchor is not None
    anchor = replace(made.anchor, former=replace(made.anchor.former, promised=0.25))
    return replace(made, anchor=anchor, formers=tuple(replace(e, promised=0.25) for e in made.formers))


def serve(rng: np.random.Generator, pool: Pool, labels: int, champion: float, anchor: float) -> Pool | Recall:
    """Let the champion and its anchor answer some labels, each with an error of its own."""
    assert pool.anchor is not None
    version = pool.anchor.former.version
    draws = rng.random((labels, 2)) < [champion, anchor]
    for ours, theirs in draws:
        pool = observe(POLICY, pool, float(ours), {version: float(theirs)})
        found = decide(POLICY, pool)
        if isinstance(found, Recall):
            return found
    return pool


def test_the_oldest_former_champion_is_the_anchor_until_a_champion_is_shown_to_be_better() -> None:
    anchor = next_champion(None, 3, [2, 1])
    assert anchor is not None
    assert (anchor.former.version, anchor.champions) == (1, 1)

    for _ in range(60):
        anchor = observe_anchor(anchor, 3, 0.0, {1: 1.0}, margin=0.01, alpha=0.05)
    assert anchor.former.version == 3

    later = next_champion(anchor, 4, [3, 2, 1])
    assert later is not None
    assert (later.former.version, later.champions) == (3, 2)


def test_one_that_is_not_better_never_takes_its_place() -> None:
    rng, overtaken = np.random.default_rng(5), 0
    for _ in range(20):
        anchor = next_champion(None, 2, [1])
        assert anchor is not None
        for ours, theirs in (rng.random((800, 2)) < 0.1).astype(float):
            anchor = observe_anchor(anchor, 2, ours, {1: theirs}, margin=0.01, alpha=0.05)
        overtaken += anchor.former.version == 2
    assert overtaken <= 3


def test_without_champions_before_there_is_no_anchor_and_one_that_serves_again_has_no_claims() -> None:
    assert next_champion(None, 1, []) is None
    claims = Anchor(Former(1, sums=(1e9,) * 4, labels=900), champions=3)

    again = next_champion(claims, 1, [2])

    assert again == Anchor(Former(1), champions=4)


def test_an_anchor_whose_version_was_taken_back_gives_way_to_the_oldest() -> None:
    found = next_champion(Anchor(Former(7), champions=2), 4, [3, 2])
    assert found is not None
    assert (found.former.version, found.champions) == (2, 3)


def test_a_chain_of_champions_each_worse_within_the_margin_ends_at_the_anchor() -> None:
    rng, error, before, champion = np.random.default_rng(11), 0.10, [1], 2
    pool = reign(None, champion, before)
    for _ in range(20):
        error += 0.006
        found = serve(rng, pool, 1_500, error, 0.10)
        if isinstance(found, Recall):
            assert found.former.version == 1
            break
        before, champion = [champion, *before], champion + 1
        pool = reign(found, champion, before)
    else:
        raise AssertionError("the chain became worse without end")
    assert 0.11 < error < 0.17, "it is called back for a chain that is worse by more than the margin"


def test_a_single_champion_that_is_as_good_is_not_called_back() -> None:
    pool = reign(None, 2, [1])
    assert isinstance(serve(np.random.default_rng(3), pool, 3_000, 0.10, 0.10), Pool)
    assert isinstance(decide(POLICY, pool), Stay)
