"""What is known of each object in the watched buckets, and whether its event was sent.

A row changes only from the generation that its writer saw before it listed the store. So a writer with an old
listing cannot bring an old version back, and of several that see one change, one records it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, and_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from functions.state.database import Base, UtcDateTime, insert_if_absent


class ObjectRow(Base):
    """The latest version of one object that was seen. One that is gone keeps its row, without an ETag."""

    __tablename__ = "objects"

    bucket: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    etag: Mapped[str | None] = mapped_column(Text)
    size: Mapped[int | None] = mapped_column(BigInteger)
    modified: Mapped[datetime] = mapped_column(UtcDateTime)
    generation: Mapped[int] = mapped_column(Integer)
    sent: Mapped[bool]
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class SeenObject:
    """One version of an object, as a row holds it.

    Attributes:
        etag: None when the object is gone.
        modified: when it was written, or seen to be gone.
        generation: 1 for the first version seen of this key, one more for each change.
        sent: whether the sink has taken its event.
        claimed_until: until then somebody is sending its event.
    """

    bucket: str
    key: str
    etag: str | None
    size: int | None
    modified: datetime
    generation: int
    sent: bool
    claimed_until: datetime


def load(session: Session, bucket: str, key: str | None = None) -> dict[str, SeenObject]:
    """Return what is known of a bucket's objects, or of one, in the order of their keys. One query."""
    columns = (getattr(ObjectRow, field.name) for field in fields(SeenObject))
    chosen = select(*columns).where(ObjectRow.bucket == bucket).order_by(ObjectRow.key)
    if key is not None:
        chosen = chosen.where(ObjectRow.key == key)
    return {row.key: SeenObject(*row) for row in session.execute(chosen)}


def record(session: Session, version: SeenObject) -> bool:
    """Write a version that follows generation `version.generation - 1`; return whether nobody was faster."""
    if version.generation == 1:
        return insert_if_absent(session, ObjectRow, asdict(version))
    target = update(ObjectRow).where(_is(replace(version, generation=version.generation - 1)))
    changed = target.values(**asdict(version)).returning(ObjectRow.generation)
    return session.execute(changed).first() is not None


def claim(session: Session, version: SeenObject, now: datetime, until: datetime) -> SeenObject | None:
    """Take an unsent version that nobody is sending; return it claimed, or None when somebody else has it."""
    free = ObjectRow.claimed_until <= now
    target = update(ObjectRow).where(_is(version), ObjectRow.sent.is_(False), free)
    taken = session.execute(target.values(claimed_until=until).returning(ObjectRow.generation)).first()
    return replace(version, claimed_until=until) if taken else None


def mark_sent(session: Session, versions: Iterable[SeenObject]) -> None:
    """Note that the sink has these versions' events. A newer version of the same key stays unsent."""
    for version in versions:
        session.execute(update(ObjectRow).where(_is(version)).values(sent=True))


def release(session: Session, versions: Iterable[SeenObject], now: datetime) -> None:
    """Give up the claims on versions that could not be sent, so that the next sweep sends them."""
    for version in versions:
        session.execute(update(ObjectRow).where(_is(version)).values(claimed_until=now))


def _is(version: SeenObject) -> ColumnElement[bool]:
    return and_(
        ObjectRow.bucket == version.bucket,
        ObjectRow.key == version.key,
        ObjectRow.generation == version.generation,
    )
