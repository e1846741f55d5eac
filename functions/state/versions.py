"""Model versions and the facts about them; who is champion is computed from the facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import Claim, TrainingCompleted
from functions.state.database import Base, UtcDateTime, insert_if_absent
from functions.state.keys import Key


class Fact(StrEnum):
    """What can have happened to a model version.

    `SUPERSEDED`: a newer one took its place while it waited for a person.
    `PROBATION`: it serves all requests as champion, while the champion before watches.
    """

    REGISTERED = "registered"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    DEPLOYED = "deployed"
    PROBATION = "probation"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"
    RETIRED = "retired"


_SERVES = (Fact.PROBATION, Fact.PROMOTED)


class ModelVersion(Base):
    """One candidate that a run produced; it never changes afterwards."""

    __tablename__ = "model_versions"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[str] = mapped_column(Text)
    candidate_uri: Mapped[str] = mapped_column(Text)
    candidate_sha256: Mapped[str] = mapped_column(Text)
    card_uri: Mapped[str] = mapped_column(Text)
    card_sha256: Mapped[str] = mapped_column(Text)
    holdout_uri: Mapped[str] = mapped_column(Text)
    holdout_sha256: Mapped[str] = mapped_column(Text)
    reference_uri: Mapped[str] = mapped_column(Text)
    reference_sha256: Mapped[str] = mapped_column(Text)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    dataset_digest: Mapped[str] = mapped_column(Text)
    config_digest: Mapped[str] = mapped_column(Text)
    code_digest: Mapped[str] = mapped_column(Text)
    train_rows: Mapped[int] = mapped_column(BigInteger)
    window: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    event_id: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def candidate(self) -> Claim:
        """The model file."""
        return Claim(uri=self.candidate_uri, sha256=self.candidate_sha256)

    @property
    def card(self) -> Claim:
        """The model card."""
        return Claim(uri=self.card_uri, sha256=self.card_sha256)

    @property
    def reference(self) -> Claim:
        """The sample of training data that drift is measured against."""
        return Claim(uri=self.reference_uri, sha256=self.reference_sha256)


class VersionFact(Base):
    """Something that happened to a version; rows are only added."""

    __tablename__ = "model_facts"
    __table_args__ = (UniqueConstraint("model", "version", "fact", "event_id"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    fact: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def register(session: Session, completed: TrainingCompleted, event_id: str, at: datetime) -> bool:
    """Add the version that a run produced, with its fact; return False if it was there already."""
    claims = {
        f"{name}_{part}": getattr(getattr(completed, name), part)
        for name in ("candidate", "card", "holdout", "reference")
        for part in ("uri", "sha256")
    }
    plain = completed.model_dump(include={column.name for column in ModelVersion.__table__.columns})
    row = {**plain, **claims, "event_id": event_id, "registered_at": at}
    added = insert_if_absent(session, ModelVersion, row)
    if added:
        record_fact(session, completed.model, completed.version, Fact.REGISTERED, event_id, at)
    return added


def record_fact(session: Session, model: str, version: int, fact: Fact, event_id: str, at: datetime) -> bool:
    """Add a fact once per event that says it; return False if it was there already."""
    row = {"model": model, "version": version, "fact": fact.value, "event_id": event_id, "at": at}
    return insert_if_absent(session, VersionFact, row)


def get_version(session: Session, model: str, version: int) -> ModelVersion | None:
    """Return a registered version, or None."""
    return session.get(ModelVersion, (model, version))


def versions_of(session: Session, model: str) -> Sequence[ModelVersion]:
    """Return a model's registered versions, oldest first."""
    return session.scalars(select(ModelVersion).filter_by(model=model).order_by(ModelVersion.version)).all()


def facts_of(session: Session, model: str, version: int | None = None) -> Sequence[VersionFact]:
    """Return the facts about a model, or about one version, in the order they were recorded."""
    found = select(VersionFact).filter_by(model=model).order_by(VersionFact.seq)
    return session.scalars(found if version is None else found.filter_by(version=version)).all()


def champion(session: Session, model: str) -> int | None:
    """Return the champion: the version that was promoted last and not rolled back.

    One on probation counts as promoted.
    """
    return champion_of([(fact.version, Fact(fact.fact)) for fact in facts_of(session, model)])


def retirement(session: Session, model: str) -> VersionFact | None:
    """Return the fact that took a model out of service; None when it never was, or is in service again."""
    return retirement_in(facts_of(session, model))


def retirement_in(facts: Sequence[VersionFact]) -> VersionFact | None:
    """Return what `retirement` does, from facts in the order recorded."""
    found: VersionFact | None = None
    for fact in facts:
        if fact.fact == Fact.RETIRED:
            found = fact
        elif fact.fact == Fact.PROMOTED:
            found = None
    return found


def champion_of(facts: Sequence[tuple[int, Fact]]) -> int | None:
    """Compute the champion from (version, fact) in the order recorded.

    Rolling back the champion gives its place to the one promoted before it; retiring leaves nobody.
    """
    promoted: list[int] = []
    for version, fact in facts:
        if fact in (*_SERVES, Fact.ROLLED_BACK) and version in promoted:
            promoted.remove(version)
        if fact is Fact.RETIRED:
            promoted.clear()
        if fact in _SERVES:
            promoted.append(version)
    return promoted[-1] if promoted else None
