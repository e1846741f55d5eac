"""A rollout is judged from logged predictions and joined labels, whatever order they come in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from support.replay.again import assert_decided_again
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, build_event, handle
from functions.judge_rollout.app import create_app
from functions.judge_rollout.logic import decide, numbers_of
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.record import Record
from functions.state.judges import JudgeRow
from functions.state.labels import lock_feedback
from functions.state.settings import Settings
from functions.state.timers import TimerRow
from functions.state.versions import Fact, record_fact

WINDOW_S = 10


class Court:
    """judge_rollout in a world where v1 is champion and v2 challenges it."""

    def __init__(self, url: str, **rollout: Any) -> None:
        self.world = World(url)
        policy = {"margin": 0.02, "min_labels": 50, "deadline": "1000s", **rollout}
        self.world.spec(rollout=policy, labels={"window": f"{WINDOW_S}s"})
        self.world.version(1, promoted=True)
        self.world.version(2)
        self.restart()
        self.rng = random.Random(0)
        self.number = 0

    def restart(self) -> None:
        self.app: Flask = create_app(
            Settings(self.world.url), store=self.world.store, engine=self.world.engine, clock=self.world.clock
        )

    def rollout(self, type_: str, payload: c.Payload, *, second: float = 0, id_: str | None = None) -> None:
        at = self.world.after(second)
        self.world.now = max(self.world.now, at)
        self.number += 1
        subject = f"{MODEL}/v2"
        event = build_event(type_, payload, subject=subject, id_=id_ or f"rollout-{self.number}", time=at)
        assert handle(self.app, event) is None

    def start(self, phase: str = "shadow", **more: Any) -> None:
        started = c.RolloutStarted(
            model=MODEL, version=2, champion_version=1, phase=c.RolloutPhase(phase), revision="churn-v2"
        )
        self.rollout(c.RolloutStarted.type, started, **more)

    def advance(self, second: float, **more: Any) -> None:
        advanced = c.RolloutAdvanced(
            model=MODEL,
            version=2,
            champion_version=1,
            phase=c.RolloutPhase.CANARY,
            revision="churn-v2",
            percent=10,
        )
        self.rollout(c.RolloutAdvanced.type, advanced, second=second, **more)

    def shadow(
        self, second: float, rows: int, champion: float, challenger: float, labelled: float = 1.0
    ) -> None:
        """Log a batch that both answered with some error rates, and label a share of it."""
        times = [self.world.after(second) + timedelta(milliseconds=row) for row in range(rows)]
        truth = [self.rng.choice(["yes", "no"]) for _ in times]
        ours, theirs = (self._answers(truth, rate) for rate in (champion, challenger))
        batch = logged(times, labels=ours, seed=f"{second}")
        self.world.log(batch)
        self.world.log(batch.model_copy(update={"version": 2, "shadow": True, "labels": theirs}))
        self._label(batch, times, truth, labelled)

    def answer(self, second: float, champion: Sequence[int], challenger: Sequence[int]) -> None:
        """Log both arms' answers, all of them right, to some of the same requests, with their labels."""
        times = [self.world.after(second) + timedelta(milliseconds=row) for row in range(300)]
        whole = logged(times, labels=["yes"] * 300, seed=f"{second}")
        for shadow, rows in ((False, champion), (True, challenger)):
            if rows:
                chosen = {
                    name: [getattr(whole, name)[row] for row in rows]
                    for name in ("ids", "times_ms", "labels", "latencies_ms")
                }
                arm = {"version": 2 if shadow else 1, "shadow": shadow, "inputs": {}}
                self.world.log(whole.model_copy(update=chosen | arm))
        for row in champion:
            self.world.label((whole.ids[row], times[row], "yes"))

    def taken_in(self) -> int:
        """Return how many pairs of answers the judge has counted."""
        with self.world.session() as session:
            state = session.get_one(JudgeRow, MODEL).state
        assert state is not None
        return int(state["better"]["n"])

    def canary(
        self,
        second: float,
        rows: int,
        champion: float,
        challenger: float,
        *,
        labelled: float = 1.0,
        failures: int = 0,
        latency_ms: float = 1.0,
    ) -> None:
        """Log what each arm answered: one request in ten is the challenger's."""
        for version, count, rate in ((1, rows * 9 // 10, champion), (2, rows // 10, challenger)):
            times = [self.world.after(second) + timedelta(milliseconds=row) for row in range(count)]
            truth = [self.rng.choice(["yes", "no"]) for _ in times]
            mine = version == 2
            batch = logged(
                times,
                version=version,
                labels=self._answers(truth, rate),
                seed=f"{second}/{version}",
                failures=failures if mine else 0,
                latency_ms=latency_ms if mine else 1.0,
            )
            self.world.log(batch)
            self._label(batch, times, truth, labelled if mine else 1.0)

    def _answers(self, truth: list[str], rate: float) -> list[str]:
        return [("no" if each == "yes" else "yes") if self.rng.random() < rate else each for each in truth]

    def _label(self, batch: c.InferenceLogged, times: list[datetime], truth: list[str], share: float) -> None:
        answers = zip(batch.ids, times, truth, strict=True)
        self.world.label(*(each for each in answers if self.rng.random() < share))

    def joined(self, second: float, id_: str | None = None) -> Event | None:
        """Say that every label received by then is joined; return the verdict, if one is given."""
        self.world.now = self.world.after(second)
        with self.world.session() as session:
            lock_feedback(session, MODEL).joined_through = self.world.now
        self.number += 1
        payload = c.FeedbackJoined(model=MODEL, through=self.world.now, joined=1)
        event = build_event(c.FeedbackJoined.type, payload, id_=id_ or f"joined-{self.number}")
        return self._decided_again(handle(self.app, event))

    def tick(self, second: float) -> Event | None:
        self.world.now = self.world.after(second)
        self.number += 1
        payload = {"owner": "judge_rollout", "key": f"{MODEL}/look", "due": self.world.now.isoformat()}
        return self._decided_again(
            handle(self.app, build_event(c.TimerDue.type, payload, id_=f"tick-{self.number}"))
        )

    def _decided_again(self, event: Event | None) -> Event | None:
        """Make a verdict again from what its event carries: with the same numbers, over the same labels."""
        if event is None:
            return None
        verdict = c.RolloutDecided.model_validate(event.data)
        assert_decided_again([event], self.world.store)
        assert verdict.decided_from is not None
        policy = verdict.decided_from.policy_as(Policy)
        record = verdict.decided_from.inputs_as(Record, self._get)
        numbers = numbers_of(policy, decide(policy, record.inputs(policy, self._get)).state)
        assert {name: getattr(verdict, name) for name in asdict(numbers)} == asdict(numbers)
        return event

    def _get(self, claim: c.Claim) -> bytes:
        return self.world.store.get(claim.uri, claim.sha256)


@pytest.fixture
def court(database: str) -> Iterator[Court]:
    court = Court(database)
    yield court
    court.world.engine.dispose()


def play(court: Court, champion: float, challenger: float, *, batches: int = 30, **more: Any) -> Event | None:
    court.start()
    for number in range(batches):
        court.shadow(1 + number, 50, champion, challenger, **more)
        if verdict := court.joined(12 + number):
            return verdict
    return None


def decided(event: Event | None) -> c.RolloutDecided:
    assert event is not None
    assert (event.type, event.subject) == (c.RolloutDecided.type, f"{MODEL}/v2")
    return c.RolloutDecided.model_validate(event.data)


def test_a_better_challenger_is_promoted_in_the_shadow_with_its_numbers(court: Court) -> None:
    verdict = decided(play(court, 0.2, 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "shadow")
    assert verdict.wealth_better >= verdict.threshold == 20
    assert verdict.labels >= 50
    assert verdict.difference is not None
    assert verdict.difference < 0
    assert verdict.coverage_champion == verdict.coverage_challenger == 1.0
    assert verdict.label_digest is not None


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
    court.answer(1, range(300), range(100))
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
