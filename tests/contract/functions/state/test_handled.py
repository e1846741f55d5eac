"""Read, work, write: what is long happens between two transactions, and is done over when it was in vain."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from support.world import NOON

from eventing.errors import RetryLater
from eventing.event import Event
from eventing.testing import build_event
from functions.state import timers
from functions.state.database import session_factory, transaction
from functions.state.handled import Stale, handle_once, remembered, write_once

ASKED = build_event("dev.kascade.asked", id_="asked")
ANSWER = build_event("dev.kascade.answered", id_="answer")


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


class Steps:
    """The three steps, which note what they are given; `stale` says how often writing is in vain."""

    def __init__(self, stale: int = 0) -> None:
        self.done: list[str] = []
        self.stale = stale

    def read(self, session: Session) -> str:
        self.done.append("read")
        return "basis"

    def work(self, basis: str) -> str:
        self.done.append(f"work {basis}")
        return "result"

    def write(self, session: Session, result: str) -> Sequence[Event]:
        self.done.append(f"write {result}")
        timers.set_timer(session, "f", "key", NOON)
        if self.stale > 0:
            self.stale -= 1
            raise Stale("it changed")
        return [ANSWER]

    def handle(self, sessions: sessionmaker[Session], **how: object) -> list[Event]:
        return handle_once(sessions, "f", ASKED, read=self.read, work=self.work, write=self.write, **how)  # type: ignore[arg-type]


def due(sessions: sessionmaker[Session]) -> int:
    with transaction(sessions, read_only=True) as session:
        return len(timers.due(session, NOON, 10))


def test_an_event_is_read_worked_and_written_once(sessions: sessionmaker[Session]) -> None:
    steps = Steps()
    assert steps.handle(sessions) == [ANSWER]
    assert steps.handle(sessions) == [ANSWER]
    assert steps.done == ["read", "work basis", "write result"]


def test_what_was_in_vain_is_done_over(sessions: sessionmaker[Session]) -> None:
    steps = Steps(stale=2)
    assert steps.handle(sessions) == [ANSWER]
    assert steps.done == ["read", "work basis", "write result"] * 3


def test_what_is_always_in_vain_is_delivered_again_and_leaves_nothing(
    sessions: sessionmaker[Session],
) -> None:
    with pytest.raises(RetryLater, match="it changed"):
        Steps(stale=9).handle(sessions, attempts=2)
    assert due(sessions) == 0
    with transaction(sessions, read_only=True) as session:
        assert remembered(session, "f", ASKED) is None


def test_that_work_was_in_vain_is_noted_in_a_transaction_of_its_own(sessions: sessionmaker[Session]) -> None:
    noted: list[str] = []

    def note(session: Session) -> None:
        noted.append("stale")
        timers.set_timer(session, "f", "again", NOON)

    with pytest.raises(RetryLater):
        Steps(stale=9).handle(sessions, attempts=1, stale=note)
    assert (noted, due(sessions)) == (["stale"], 1)


def test_an_event_handled_elsewhere_meanwhile_gets_the_answer_of_there(
    sessions: sessionmaker[Session],
) -> None:
    noted: list[str] = []
    steps, other = Steps(), build_event("dev.kascade.answered", id_="other")

    def overtaken(basis: str) -> str:
        thread = threading.Thread(target=write_once, args=(sessions, "f", ASKED, lambda _: [other]))
        thread.start()
        thread.join()
        return basis

    steps.work = overtaken  # type: ignore[method-assign]
    assert steps.handle(sessions, stale=lambda _: noted.append("stale")) == [other]
    assert (steps.done, noted) == (["read"], ["stale"])


def test_a_step_that_fails_leaves_nothing(sessions: sessionmaker[Session]) -> None:
    steps = Steps()
    steps.work = lambda basis: basis[99]  # type: ignore[method-assign]
    with pytest.raises(IndexError):
        steps.handle(sessions)
    assert Steps().handle(sessions) == [ANSWER]
