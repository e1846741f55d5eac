"""Makes handling an event twice equal to handling it once.

`write_once` is for what one transaction can do. `handle_once` is for work that takes long or calls others,
such as the object store: it happens between two transactions, never in one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Text, delete, update
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker

from eventing.errors import RetryLater
from eventing.event import Event
from functions.state.database import Base, UtcDateTime, insert_if_absent, insert_into, transaction
from functions.state.keys import Key
from functions.state.stored_event import dump_event, load_event

Snapshot = TypeVar("Snapshot")
Result = TypeVar("Result")


class Stale(RetryLater):
    """What was read has changed: `handle_once` starts over, and at last asks for another delivery."""


class Handled(Base):
    """An event that a function has handled, and the events it answered with."""

    __tablename__ = "handled"

    function: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Key, primary_key=True)
    event_id: Mapped[str] = mapped_column(Key, primary_key=True)
    outcome: Mapped[str] = mapped_column(Text)
    handled_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def handle_once(
    sessions: sessionmaker[Session],
    function: str,
    event: Event,
    *,
    read: Callable[[Session], Snapshot],
    work: Callable[[Snapshot], Result],
    write: Callable[[Session, Result], Sequence[Event]],
    stale: Callable[[Session], None] | None = None,
    attempts: int = 3,
    locking: bool = False,
    now: datetime | None = None,
) -> list[Event]:
    """Read, work, write, unless `function` has handled this event; return the events it answered.

    Args:
        read: takes from the state what the work needs. It may refuse the event.
        work: does what is long or calls others, while no transaction is open. It may be repeated.
        write: writes the result; it commits together with the answer. It raises `Stale` when what `read`
            returned has changed; then nothing is written, and all is done again.
        stale: called in a transaction of its own after `Stale`, to note that work was done on an old state.
        attempts: how often it is tried before `Stale` is raised, which has the event delivered again.
        locking: `read` locks or writes as well.
        now: the time of handling.
    """
    overtaken = Stale(f"{function} handles this event elsewhere")
    for _ in range(attempts):
        with transaction(sessions, read_only=not locking) as session:
            if (known := remembered(session, function, event)) is not None:
                return known
            snapshot = read(session)
        result = work(snapshot)
        try:
            with transaction(sessions) as session:
                if _claim(session, function, event, now):
                    return _answer(session, function, event, write(session, result))
        except Stale as error:
            overtaken = error
        if stale is not None:
            with transaction(sessions) as session:
                stale(session)
    with transaction(sessions, read_only=True) as session:
        if (known := remembered(session, function, event)) is not None:
            return known
    raise overtaken


def write_once(
    sessions: sessionmaker[Session],
    function: str,
    event: Event,
    write: Callable[[Session], Sequence[Event]],
    *,
    now: datetime | None = None,
) -> list[Event]:
    """Write in one transaction, unless `function` has handled this event; return the events it answered."""
    with transaction(sessions) as session:
        return once(session, function, event, lambda: write(session), now=now)


def once(
    session: Session,
    function: str,
    event: Event,
    work: Callable[[], Sequence[Event]],
    *,
    now: datetime | None = None,
) -> list[Event]:
    """Do `work` unless `function` has handled this event (by source and id); return the events it answered.

    What `work` writes through `session` and the answer commit together. A redelivery returns the stored
    events without working; one that arrives while the first is at work waits for it.
    """
    if _claim(session, function, event, now):
        return _answer(session, function, event, work())
    return remembered(session, function, event) or []


def remembered(session: Session, function: str, event: Event) -> list[Event] | None:
    """Return what `function` answered to this event, or None when it has not handled it."""
    row = session.get(Handled, (function, event.source, event.id))
    return None if row is None else [load_event(text) for text in json.loads(row.outcome)]


def _claim(session: Session, function: str, event: Event, now: datetime | None) -> bool:
    """Note that this transaction handles the event; False if it was handled before, or while this waited."""
    row = {
        "function": function,
        "source": event.source,
        "event_id": event.id,
        "outcome": "[]",
        "handled_at": now or datetime.now(UTC),
    }
    return insert_if_absent(session, Handled, row)


def claim_all(session: Session, function: str, events: Iterable[Event], now: datetime) -> list[Event]:
    """Note that many events are handled in this transaction, without an answer; return those that are new.

    They are noted in one order, so that two callers with some of the same events cannot deadlock.
    """
    wanted = {(event.source, event.id): event for event in events}
    rows = [
        {"function": function, "source": source, "event_id": id_, "outcome": "[]", "handled_at": now}
        for source, id_ in sorted(wanted)
    ]
    if not rows:
        return []
    statement = insert_into(session, Handled).on_conflict_do_nothing()
    noted = session.execute(statement.returning(Handled.source, Handled.event_id), rows)
    new = {(source, id_) for source, id_ in noted}
    return [event for key, event in wanted.items() if key in new]


def _answer(session: Session, function: str, event: Event, answers: Sequence[Event]) -> list[Event]:
    """Store the answers to an event that this transaction handles."""
    if answers:
        key = {"function": function, "source": event.source, "event_id": event.id}
        stored = json.dumps([dump_event(each) for each in answers])
        session.execute(update(Handled).filter_by(**key).values(outcome=stored))
    return list(answers)


def purge(session: Session, before: datetime) -> int:
    """Forget what was handled before a point in time; return how many rows went.

    A redelivery older than that would be handled again: keep rows longer than deliveries are retried.
    """
    return session.connection().execute(delete(Handled).where(Handled.handled_at < before)).rowcount
