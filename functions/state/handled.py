"""Makes handling an event twice equal to handling it once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Text, delete, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.event import Event
from functions.state.database import Base, UtcDateTime, insert_if_absent
from functions.state.keys import Key
from functions.state.stored_event import dump_event, load_event


class Handled(Base):
    """An event that a function has handled, and the events it answered with."""

    __tablename__ = "handled"

    function: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Key, primary_key=True)
    event_id: Mapped[str] = mapped_column(Key, primary_key=True)
    outcome: Mapped[str] = mapped_column(Text)
    handled_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


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
    key = {"function": function, "source": event.source, "event_id": event.id}
    moment = now or datetime.now(UTC)
    if not insert_if_absent(session, Handled, {**key, "outcome": "[]", "handled_at": moment}):
        row = session.get_one(Handled, tuple(key.values()))
        return [load_event(text) for text in json.loads(row.outcome)]
    answers = list(work())
    if answers:
        stored = json.dumps([dump_event(answer) for answer in answers])
        session.execute(update(Handled).filter_by(**key).values(outcome=stored))
    return answers


def remembered(session: Session, function: str, event: Event) -> list[Event] | None:
    """Return what `function` answered to this event, or None when it has not handled it.

    For work too long for a transaction: look here first, work, then let `once` store the answer.
    """
    row = session.get(Handled, (function, event.source, event.id))
    return None if row is None else [load_event(text) for text in json.loads(row.outcome)]


def purge(session: Session, before: datetime) -> int:
    """Forget what was handled before a point in time; return how many rows went.

    A redelivery older than that would be handled again: keep rows longer than deliveries are retried.
    """
    return session.connection().execute(delete(Handled).where(Handled.handled_at < before)).rowcount
