"""A rollout is judged from logged predictions and joined labels, whatever order they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.world import MODEL, NOON, logged

from eventing import catalogue as c
from eventing.testing import HandlingFailed
from functions.state.judges import JudgeRow
from functions.state.timers import TimerRow
from functions.state.versions import Fact, record_fact

from .conftest import Court, decided, play


def test_a_better_challenger_is_promoted_in_the_shadow_with_its_numbers(court: Court) -> None:
    verdict = decided(play(court, 0.2, 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "shadow")
    assert verdict.wealth_better >= verdict.threshold == 20
    assert verdict.labels >= 50
    assert verdict.difference is not None
    assert verdict.difference < 0
    assert verdict.coverage_champion == verdict.coverage_challenger == 1.0
    assert verdict.label_digest is not None
    last = verdict.wealth_history[-1]
    assert (last.labels, last.worse, last.better) == (
        verdict.labels,
        verdict.wealth_worse,
        verdict.wealth_better,
    )


def test_a_worse_challenger_is_rolled_back(court: Court) -> None:
    verdict = decided(play(court, 0.1, 0.4))
    assert (verdict.outcome, verdict.reason) == ("rolled_back", "evidence")
    assert verdict.wealth_worse >= verdict.threshold


def test_a_verdict_is_said_once_a_phase(court: Court) -> None:
    play(court, 0.2, 0.1)
    court.shadow(100, 50, 0.2, 0.1)
    assert court.joined(120) is None


def test_labels_whose_window_is_open_do_not_count(court: Court) -> None:
    court.start()
    court.shadow(1, 500, 0.1, 0.9)
    assert court.joined(9) is None
    assert decided(court.joined(12)).outcome == "rolled_back"


def test_predictions_wait_until_the_challenger_has_answered_later_ones(court: Court) -> None:
    court.start()
    times = [NOON + timedelta(seconds=1, milliseconds=row) for row in range(200)]
    batch = logged(times, labels=["yes"] * 200)
    court.world.log(batch)
    for identity, at in zip(batch.ids, times, strict=True):
        court.world.label((identity, at, "yes"))
    assert court.joined(30) is None
    court.world.log(batch.model_copy(update={"version": 2, "shadow": True, "labels": ["no"] * 200}))
    verdict = decided(court.joined(31))
    assert (verdict.outcome, verdict.coverage_challenger) == ("rolled_back", 1.0)


def test_after_the_shadow_a_canary_is_judged_by_labels_of_one_arm_each(court: Court) -> None:
    play(court, 0.3, 0.1)
    court.advance(100)
    for number in range(40):
        court.canary(101 + number, 400, 0.3, 0.1)
        if verdict := court.joined(112 + number):
            break
    found = decided(verdict)
    assert (found.phase, found.outcome) == ("canary", "promoted")
    assert found.labels >= 50


def test_a_phase_after_another_starts_its_proof_anew(court: Court) -> None:
    play(court, 0.3, 0.05)
    court.advance(100)
    assert court.joined(130) is None


def test_equal_models_wait_and_end_inconclusive_at_the_deadline(court: Court) -> None:
    assert play(court, 0.0, 0.0, batches=1) is None
    assert court.tick(500) is None
    verdict = decided(court.tick(1061))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "deadline")


def test_without_any_label_the_deadline_still_ends_it(court: Court) -> None:
    court.start()
    assert decided(court.tick(1061)).outcome == "inconclusive"


def test_labels_missing_for_one_arm_are_inconclusive(database: str) -> None:
    court = Court(database, phases=["canary"])
    court.start("canary")
    verdict = None
    for number in range(16):
        court.canary(1 + number, 400, 0.4, 0.1, labelled=0.6)
        if verdict := court.joined(12 + number):
            break
    assert verdict is None, "it waits for the gap to close"
    found = decided(court.tick(1061))
    assert (found.outcome, found.reason) == ("inconclusive", "coverage")
    assert "labels are missing unequally" in found.message


def test_strict_mode_counts_a_missing_answer_against_the_challenger(database: str) -> None:
    court = Court(database, strict=True)
    court.start()
    court.answer(1, range(300), range(0, 300, 3))
    assert court.joined(20) is None, "the other answers may be on their way"
    assert decided(court.joined(350)).outcome == "rolled_back"


def test_a_request_whose_answer_is_on_its_way_waits_and_so_does_what_follows(court: Court) -> None:
    court.start()
    court.answer(1, range(240), [*range(50), *range(60, 240)])
    assert court.joined(20) is None
    assert court.taken_in() == 50
    court.answer(1, (), range(50, 60))
    assert court.joined(21) is None
    assert court.taken_in() == 240


def test_an_answer_that_never_came_is_missing_after_a_while(court: Court) -> None:
    court.start()
    court.answer(1, range(300), [*range(50), *range(60, 300)])
    court.joined(350)
    assert court.taken_in() == 290


def test_what_was_asked_before_the_challengers_first_answer_does_not_count(court: Court) -> None:
    court.start()
    court.answer(1, range(300), range(40, 300))
    court.joined(20)
    assert court.taken_in() == 260


@pytest.mark.parametrize("trouble", [{"failures": 60}, {"latency_ms": 50.0}])
def test_a_canary_that_fails_or_lags_is_rolled_back_without_any_label(
    database: str, trouble: dict[str, Any]
) -> None:
    court = Court(database, phases=["canary"])
    court.start("canary")
    court.canary(1, 3000, 0.1, 0.1, labelled=0.0, **trouble)
    verdict = decided(court.tick(20))
    assert (verdict.outcome, verdict.reason) == ("rolled_back", "guard")
    assert verdict.breach is not None
    assert verdict.breach.challenger > verdict.breach.champion


def test_a_canary_that_serves_as_well_breaks_no_guard(database: str) -> None:
    court = Court(database, phases=["canary"])
    court.start("canary")
    for number in range(5):
        court.canary(1 + 10 * number, 3000, 0.1, 0.1, labelled=0.0)
        assert court.tick(10 + 10 * number) is None


def test_a_redelivery_gives_the_same_verdict(court: Court) -> None:
    court.start()
    court.shadow(1, 500, 0.1, 0.9)
    first, second = court.joined(12, id_="j"), court.joined(12, id_="j")
    assert first is not None
    assert second is not None
    assert (first.id, first.data) == (second.id, second.data)


def test_events_late_or_twice_or_out_of_order_give_the_same_verdict(new_database: Callable[[], str]) -> None:
    found = []
    for order in ([0, 1, 2, 3], [3, 0, 0, 2, 1], [2, 2, 3, 1, 0]):
        court = Court(new_database())
        court.start()
        for number in range(4):
            court.shadow(1 + number, 100, 0.2, 0.05)
        verdict = None
        for number in order:
            verdict = court.joined(20 + number, id_=f"j{number}") or verdict
            court.restart()
        said = decided(verdict)
        found.append((said.outcome, said.labels, said.label_digest))
        court.world.engine.dispose()
    assert found[0] == found[1] == found[2]


def test_a_start_delivered_twice_begins_once_and_one_that_comes_after_the_end_is_passed_over(
    court: Court,
) -> None:
    court.start(id_="s1")
    court.shadow(1, 20, 0.1, 0.1)
    court.joined(12)
    court.start(id_="s2")
    with court.world.session() as session:
        row = session.get_one(JudgeRow, MODEL)
        assert row.state["better"]["n"] == 20
        record_fact(session, MODEL, 2, Fact.ROLLED_BACK, "x", court.world.after(50))
    completed = c.RolloutCompleted(
        model=MODEL, version=2, outcome=c.RolloutOutcome.ROLLED_BACK, champion_version=1, message=""
    )
    court.rollout(c.RolloutCompleted.type, completed, second=50)
    court.start(id_="s3")
    with court.world.session() as session:
        assert session.get_one(JudgeRow, MODEL).version is None
        assert session.get(TimerRow, ("judge_rollout", f"{MODEL}/look")) is None


def test_an_advance_before_the_start_is_delivered_again(court: Court) -> None:
    with pytest.raises(HandlingFailed, match="has not come yet") as failed:
        court.advance(5)
    assert failed.value.status == 503


def test_a_model_yaml_that_changes_meanwhile_changes_nothing(court: Court) -> None:
    court.start()
    court.world.spec(rollout={"margin": 0.5, "min_labels": 1, "alpha": 0.9}, labels={"window": "1s"})
    court.shadow(1, 500, 0.1, 0.9)
    verdict = decided(court.joined(12))
    assert (verdict.margin, verdict.alpha) == (0.02, 0.05)


def test_a_replacement_is_not_judged(court: Court) -> None:
    court.start("replace")
    court.shadow(1, 100, 0.1, 0.9)
    assert court.joined(30) is None


@pytest.mark.parametrize("first", ["look", "labels"])
def test_what_matured_before_the_deadline_counts_whether_the_labels_or_the_look_come_first(
    database: str, first: str
) -> None:
    court = Court(database, deadline="100s")
    court.start()
    court.shadow(20, 1000, 0.3, 0.0)
    verdict = court.tick(100.5) if first == "look" else None
    found = decided(verdict or court.joined(100.6))
    assert (found.outcome, found.reason) == ("promoted", "evidence")


def test_each_phase_has_its_own_deadline(court: Court) -> None:
    court.start()
    court.advance(900)
    assert court.tick(1500) is None
    found = decided(court.tick(1961))
    assert (found.phase, found.reason) == ("canary", "deadline")


def test_a_version_whose_next_rollout_starts_before_the_end_of_the_last_is_heard_is_judged_anew(
    court: Court,
) -> None:
    court.start()
    with court.world.session() as session:
        record_fact(session, MODEL, 2, Fact.INCONCLUSIVE, "the end", court.world.after(5))
    court.start(second=20)
    ended = c.RolloutCompleted(
        model=MODEL, version=2, champion_version=1, outcome=c.RolloutOutcome.INCONCLUSIVE, message=""
    )
    court.rollout(c.RolloutCompleted.type, ended, second=6)
    court.shadow(21, 1000, 0.3, 0.0)
    assert decided(court.joined(40)).outcome == "promoted"


def test_a_challenger_that_answers_nothing_does_not_have_the_log_read_again_and_again(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.start()
    court.answer(1, range(300), [])
    monkeypatch.setattr(court.world.store, "get", lambda *_: pytest.fail("there is nothing to judge"))
    assert court.joined(400) is None


def test_guards_see_a_batch_that_spans_two_looks_at_the_later(court: Court) -> None:
    court.start("canary")
    verdict = None
    for number in range(6):
        for version, failures in ((1, 0), (2, 40)):
            times = [court.world.after(2 + 10 * number + row * 0.04) for row in range(200)]
            court.world.log(logged(times, version=version, failures=failures, seed=f"{number}/{version}"))
        if verdict := court.tick(12 + 10 * number):
            break
    found = decided(verdict)
    assert (found.outcome, found.reason) == ("rolled_back", "guard")
