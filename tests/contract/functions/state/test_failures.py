"""What a database refuses is answered with 503 when it passes and with 422 when it does not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, sessionmaker

from eventing.errors import HandlingError, Rejected, RetryLater
from eventing.event import Event
from functions.state import handled, ledger, timers, versions
from functions.state.database import session_factory, transaction
from functions.state.keys import MAX_KEY_BYTES, key_of
from functions.state.versions import Fact, record_fact

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Nothing that PostgreSQL could shorten by itself.
LONG = "".join(chr(0x4E00 + (n * n * 7919) % 20000) for n in range(1300))


@pytest.fixture
def factory(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"key": "a\x00b"}, r"no text may hold U\+0000: 'a\\x00b'"),
        ({"key": "a\ud800b"}, r"no text may hold U\+D800"),
        ({"key": "a", "due": datetime(1, 1, 1, tzinfo=UTC)}, "too far away"),
        ({"key": "a", "due": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "too far away"),
    ],
)
def test_what_one_database_cannot_keep_both_refuse_for_good(
    factory: sessionmaker[Session], values: dict[str, Any], said: str
) -> None:
    with pytest.raises(Rejected, match=said), transaction(factory) as session:
        timers.set_timer(session, "f", **{"due": NOON, **values})
    with transaction(factory, read_only=True) as session:
        assert timers.due(session, NOON, 1) == []


def test_a_question_that_no_row_can_answer_is_refused_as_well(factory: sessionmaker[Session]) -> None:
    with pytest.raises(Rejected, match="no text"), transaction(factory, read_only=True) as session:
        session.scalars(select(timers.TimerRow).filter_by(owner="\x00")).all()


def test_a_number_beyond_64_bits_is_refused(factory: sessionmaker[Session]) -> None:
    with pytest.raises(Rejected, match="beyond 64 bits"), transaction(factory) as session:
        record_fact(session, "churn", 2**63, Fact.APPROVED, "e", NOON)


def test_a_number_that_is_none_is_not_written_into_json(factory: sessionmaker[Session]) -> None:
    row = dict.fromkeys(
        (c.name for c in versions.ModelVersion.__table__.columns if str(c.type) == "TEXT"), "x"
    )
    numbers = {"version": 1, "train_rows": 1, "registered_at": NOON}
    bad = versions.ModelVersion(**{**row, **numbers, "metrics": {"auc": float("nan")}})

    def write() -> None:
        with transaction(factory) as session:
            session.add(bad)

    with pytest.raises(Exception, match="not JSON compliant"):
        write()


def test_a_bug_stays_a_bug(factory: sessionmaker[Session]) -> None:
    def fail() -> None:
        with transaction(factory) as session:
            session.execute(text("SELEKT 1"))

    with pytest.raises(Exception, match="SELEKT") as caught:
        fail()
    # SQLite says "operational error" of bad SQL too; there a delivery that comes again does no harm.
    assert not isinstance(caught.value, Rejected)


def test_tables_that_are_not_there_yet_are_waited_for(empty_engine: Engine) -> None:
    with pytest.raises(RetryLater), transaction(session_factory(empty_engine)) as session:
        timers.due(session, NOON, 1)


def test_an_event_with_the_longest_id_is_recorded_and_handled_once(factory: sessionmaker[Session]) -> None:
    extensions = {"correlationid": LONG, "causationid": LONG[::-1]}
    events = [Event(LONG + tail, LONG, "t", LONG, NOON, extensions=extensions) for tail in ("", "x")]
    done: list[str] = []
    for event in [*events, *events]:
        with transaction(factory) as session:
            ledger.append(session, event, NOON)
            handled.once(session, "f", event, lambda event=event: done.append(event.id) or [])  # type: ignore[misc,func-returns-value]
    assert done == [event.id for event in events]
    with transaction(factory, read_only=True) as session:
        assert len(ledger.find_events(session, subject=LONG)) == 2
        assert len(ledger.find_events(session, correlation=LONG)) == 2
        assert ledger.find_by_id(session, LONG + "x") is not None
        assert handled.remembered(session, "f", events[1]) == []


@pytest.mark.parametrize("short", ["", "a", "é" * (MAX_KEY_BYTES // 2)])
def test_a_key_that_fits_is_kept_as_it_is(short: str) -> None:
    assert key_of(short) == short


@pytest.mark.parametrize("long", [LONG, "a" * (MAX_KEY_BYTES + 1), "é" * MAX_KEY_BYTES, "a\x00" * 900])
def test_a_long_key_is_kept_by_its_beginning_and_its_digest(long: str) -> None:
    kept = key_of(long)
    assert len(kept.encode()) <= MAX_KEY_BYTES
    assert kept[:100] == long[:100].replace("\x00", "\ufffd")
    assert key_of(kept) == kept
    assert key_of(long + "x") != kept


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite writers take turns
def test_who_ends_a_deadlock_is_told_to_come_again(factory: sessionmaker[Session]) -> None:
    with transaction(factory) as session:
        for key in "ab":
            timers.set_timer(session, "f", key, NOON)
    together, outcomes = threading.Barrier(2), []
    touch = text("UPDATE timers SET cause_id = 'x' WHERE key = :key")

    def cross(first: str, second: str) -> None:
        try:
            with transaction(factory) as session:
                session.execute(touch, {"key": first})
                together.wait(30)
                session.execute(touch, {"key": second})
            outcomes.append("done")
        except HandlingError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=cross, args=tuple(each)) for each in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["RetryLater", "done"]
