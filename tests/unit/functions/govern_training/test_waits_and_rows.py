"""When a training waits, for how long, and for how many rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from eventing.catalogue import TrainingReason as Reason
from functions.govern_training.facts import Start, Wait
from pipelines.spec import Retrain

from .conftest import DAY, HOUR, MINUTE, NOW, SECOND, ask, request, rule, run


@pytest.mark.parametrize(
    ("ended", "length", "reason", "expected"),
    [
        (6 * HOUR - SECOND, MINUTE, Reason.DATASET, NOW + SECOND),
        (6 * HOUR, MINUTE, Reason.DATASET, None),
        (6 * HOUR, 3 * HOUR, Reason.DATASET, NOW + 3 * HOUR),
        (HOUR - SECOND, 3 * HOUR, Reason.PERFORMANCE, NOW + SECOND),
        (HOUR, 3 * HOUR, Reason.PERFORMANCE, None),
    ],
)
def test_cooldown(ended: timedelta, length: timedelta, reason: Reason, expected: datetime | None) -> None:
    decision = ask(run(ended=ended, length=length), on=request(reason))
    if expected is None:
        assert isinstance(decision, Start)
    else:
        assert isinstance(decision, Wait)
        assert (decision.rule, decision.until) == ("cooldown", expected)


def test_after_a_run_without_a_model_only_its_length_cools_down() -> None:
    failed = run(ended=2 * MINUTE, length=MINUTE, outcome="failed", verdict=None, rollout=None)
    assert ask(failed) == Wait(
        "cooldown", "the last run ended too short a time ago (retrain.cooldown)", NOW + MINUTE
    )
    assert rule(ask(replace(failed, ended_at=NOW - 3 * MINUTE, started_at=NOW - 4 * MINUTE))) == (
        "Start enough-rows"
    )
    lost = run(ended=SECOND, length=4 * HOUR, outcome="lost", verdict=None, rollout=None)
    assert rule(ask(lost)) == "Start enough-rows"


@pytest.mark.parametrize(
    ("first", "last", "until"),
    [
        (59 * SECOND, 59 * SECOND, NOW + SECOND),
        (60 * SECOND, 60 * SECOND, None),
        (9 * MINUTE, SECOND, NOW + 59 * SECOND),
        (10 * MINUTE - SECOND, SECOND, NOW + SECOND),
        (10 * MINUTE, SECOND, None),
    ],
)
def test_debounce(first: timedelta, last: timedelta, until: datetime | None) -> None:
    decision = ask(on=request(first_at=NOW - first, last_at=NOW - last))
    assert (decision.until if isinstance(decision, Wait) else None) == until


def test_enough_rows_says_how_many_are_missing_and_what_to_do() -> None:
    decision = ask(on=request(total_rows=120))
    assert decision == Wait(
        "enough-rows",
        "380 more new rows are needed: drop them, or lower retrain.min_rows in model.yaml",
        None,
    )
    assert rule(ask(on=request(total_rows=500))) == "Start enough-rows"


@pytest.mark.parametrize(
    ("total", "trained", "train_rows", "starts"),
    [
        (1499, 1000, 800, False),
        (1500, 1000, 800, True),
        (40_999, 40_000, 20_000, False),  # 5 % of the training set
        (41_000, 40_000, 20_000, True),
    ],
)
def test_new_rows_count_from_the_last_model(total: int, trained: int, train_rows: int, starts: bool) -> None:
    decision = ask(run(rows=trained, train_rows=train_rows), on=request(total_rows=total))
    assert isinstance(decision, Start) == starts
    if not starts:
        assert isinstance(decision, Wait)
        assert decision.message.startswith("1 more new rows")
        assert decision.until == NOW + 20 * DAY  # when it is 30 days old, it is trained anyway


def test_after_a_run_that_answered_harm_no_share_of_what_it_learnt_from_is_asked_for() -> None:
    last = run(rows=100_000, train_rows=100_000)
    grown = request(total_rows=100_000 + Retrain().min_rows)
    assert rule(ask(last, on=grown)) == "Wait enough-rows"
    assert rule(ask(replace(last, answers_harm=True), on=grown)) == "Start enough-rows"


def test_harm_is_content_with_200_new_rows() -> None:
    few = request(Reason.PERFORMANCE, total_rows=1199)
    assert rule(ask(run(), on=few)) == "Wait enough-rows"
    assert ask(run(), on=replace(few, total_rows=1200)) == Start("harm", Reason.PERFORMANCE)
    assert rule(ask(run(), on=replace(few, reasons=frozenset({Reason.DATASET}), total_rows=1200))) == (
        "Wait enough-rows"
    )


def test_after_30_days_it_trains_with_what_there_is() -> None:
    few = request(Reason.AGE, total_rows=1001, first_at=NOW, last_at=NOW)
    assert rule(ask(run(ended=30 * DAY - SECOND), on=few)) == "Wait enough-rows"
    assert ask(run(ended=30 * DAY), on=few) == Start("age", Reason.AGE)
    off = Retrain(on=("dataset",))
    dropped = replace(few, reasons=frozenset({Reason.DATASET}), last_at=NOW - HOUR, first_at=NOW - HOUR)
    decision = ask(run(ended=300 * DAY), on=dropped, policy=off)
    assert isinstance(decision, Wait)
    assert decision.until is None
