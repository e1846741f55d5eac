"""A tick rings what is due, once; what could not be sent is rung by the next tick."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.environment import SettingsError
from eventing.event import Event, originate
from eventing.sink import SinkError
from eventing.testing import HandlingFailed, MemorySink, build_event, handle
from functions.ring_timers.app import create_app
from functions.ring_timers.handler import PARALLEL
from functions.ring_timers.settings import Settings
from functions.state import handled, timers
from functions.state.database import make_engine, session_factory, transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Ringer:
    def __init__(self, url: str, batch: int = 100) -> None:
        self.engine = make_engine(url)
        self.sessions: sessionmaker[Session] = session_factory(self.engine)
        self.sink = MemorySink()
        self.now = NOON
        self.app = create_app(Settings(url, batch), sink=self.sink, clock=lambda: self.now)

    def set(self, key: str, due: datetime, cause: Event | None = None) -> None:
        with transaction(self.sessions) as session:
            timers.set_timer(session, "govern_training", key, due, cause=cause)

    def tick(self) -> list[str]:
        before = len(self.sink.events)
        assert handle(self.app, build_event(kinds.PING, {}, time=self.now)) is None
        return sorted(str(event.subject) for event in self.sink.events[before:])


@pytest.fixture
def ringer(database: str) -> Iterator[Ringer]:
    made = Ringer(database)
    yield made
    made.engine.dispose()


def test_only_what_is_due_is_rung_and_only_once(ringer: Ringer) -> None:
    ringer.set("late", NOON - SECOND)
    ringer.set("now", NOON)
    ringer.set("soon", NOON + SECOND)
    assert ringer.tick() == ["govern_training/late", "govern_training/now"]
    assert ringer.tick() == []
    ringer.now += SECOND
    assert ringer.tick() == ["govern_training/soon"]


def test_the_event_continues_the_chain_of_what_set_the_timer(ringer: Ringer) -> None:
    cause = originate("t", "/s", "churn", {}, id_="cause")
    ringer.set("churn/pending", NOON, cause=cause)
    ringer.set("churn/age", NOON)
    ringer.tick()
    caused, alone = sorted(ringer.sink.events, key=lambda event: str(event.subject), reverse=True)
    assert caused.extensions == {"correlationid": "cause", "causationid": "cause"}
    assert alone.extensions == {"correlationid": alone.id}
    payload = kinds.TimerDue.model_validate(caused.data)
    assert (payload.owner, payload.key, payload.due) == ("govern_training", "churn/pending", NOON)


def test_a_timer_that_was_not_sent_is_rung_again_with_the_same_id(ringer: Ringer) -> None:
    ringer.set("churn", NOON)
    ringer.sink.refusing = True
    with pytest.raises(HandlingFailed, match="503"):
        ringer.tick()
    ringer.sink.refusing = False
    ringer.now += SECOND
    ringer.tick()
    (first,) = ringer.sink.events
    ringer.set("churn", NOON)  # as if the mark had been lost after the event was sent
    ringer.tick()
    assert {event.id for event in ringer.sink.events} == {first.id}
    ringer.set("churn", NOON + SECOND)
    ringer.tick()
    assert ringer.sink.events[-1].id != first.id


@pytest.mark.parametrize("cause", [None, "first"])
def test_a_timer_set_anew_to_the_same_time_while_it_rings_is_rung_again(
    ringer: Ringer, cause: str | None
) -> None:
    def by(id_: str | None) -> Event | None:
        return originate("t", "/s", "churn", {}, id_=id_) if id_ else None

    ringer.set("churn", NOON, by(cause))
    send = ringer.sink.send

    def set_anew(event: Event) -> None:  # between the sending and the mark
        send(event)
        if len(ringer.sink.events) == 1:
            ringer.set("churn", NOON, by("second"))

    ringer.sink.send = set_anew  # type: ignore[method-assign]
    assert [len(ringer.tick()), len(ringer.tick()), len(ringer.tick())] == [1, 1, 0]
    assert len({event.id for event in ringer.sink.events}) == 2


@pytest.mark.parametrize("second_of_first", [0.1, 0.5, 59.9])
def test_a_minutes_tick_rings_a_timer_that_six_labels_a_second_ask_for(
    ringer: Ringer, second_of_first: float
) -> None:
    rung = []
    at = NOON + timedelta(seconds=second_of_first)
    for tick in (NOON + timedelta(minutes=n) for n in (1, 2, 3)):
        while at < tick:
            with transaction(ringer.sessions) as session:
                timers.ring_by(session, "join_feedback", "churn", at + SECOND, now=at)
            at += timedelta(seconds=1 / 6)
        ringer.now = tick
        rung.append(len(ringer.tick()))
    assert rung[1:] == [1, 1]
    assert len({event.id for event in ringer.sink.events}) == sum(rung)


def test_what_is_asked_for_while_a_timer_rings_is_rung_by_the_next_tick(ringer: Ringer) -> None:
    ringer.set("churn", NOON - SECOND)
    send = ringer.sink.send

    def ask_meanwhile(event: Event) -> None:  # between the sending and the mark
        send(event)
        if len(ringer.sink.events) == 1:
            with transaction(ringer.sessions) as session:
                timers.ring_by(session, "govern_training", "churn", NOON + SECOND, now=ringer.now)

    ringer.sink.send = ask_meanwhile  # type: ignore[method-assign]
    assert [len(ringer.tick()), len(ringer.tick()), len(ringer.tick())] == [1, 1, 0]


def test_one_tick_rings_a_bounded_number(database: str) -> None:
    ringer = Ringer(database, batch=3)
    for number in range(5):
        ringer.set(f"{number}", NOON - timedelta(seconds=9 - number))
    rung = [[subject[-1] for subject in ringer.tick()] for _ in range(3)]
    assert rung == [["0", "1", "2"], ["3", "4"], []]
    ringer.engine.dispose()


def test_a_timer_whose_event_takes_long_holds_up_no_other(ringer: Ringer) -> None:
    """A broker over an in-memory channel answers when every function has handled the event."""
    both, send = threading.Barrier(2), ringer.sink.send

    def slow(event: Event) -> None:
        both.wait(10)
        send(event)

    ringer.sink.send = slow  # type: ignore[method-assign]
    ringer.set("churn", NOON)
    ringer.set("fraud", NOON)
    assert ringer.tick() == ["govern_training/churn", "govern_training/fraud"]


def test_a_broker_that_is_away_is_not_asked_for_every_timer(ringer: Ringer) -> None:
    asked: list[Event] = []

    def away(event: Event) -> None:
        asked.append(event)
        time.sleep(0.05)
        raise SinkError("nobody answers")

    ringer.sink.send = away  # type: ignore[method-assign]
    for number in range(50):
        ringer.set(f"{number}", NOON)
    with pytest.raises(HandlingFailed, match="503"):
        ringer.tick()
    assert len(asked) <= PARALLEL


def test_old_answers_are_forgotten_in_one_minute_of_the_hour(ringer: Ringer) -> None:
    with transaction(ringer.sessions) as session:
        for days in (29, 31):
            event = build_event("t", id_=f"{days} days old")
            handled.once(session, "f", event, list, now=NOON - timedelta(days=days))
    ringer.tick()
    with transaction(ringer.sessions, read_only=True) as session:
        assert len(session.scalars(select(handled.Handled)).all()) == 2
    ringer.now = NOON + timedelta(minutes=17)
    ringer.tick()
    with transaction(ringer.sessions, read_only=True) as session:
        assert session.scalars(select(handled.Handled.event_id)).all() == ["29 days old"]


def test_bad_settings_are_told_all_at_once() -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*TIMERS_BATCH.*HANDLED_KEEP_DAYS"):
        Settings.from_env({"TIMERS_BATCH": "0", "HANDLED_KEEP_DAYS": "soon"})
