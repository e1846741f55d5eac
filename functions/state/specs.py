"""The specs a model has had: every accepted model.yaml, in order; the newest is in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Integer, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import Claim, OwnCode
from functions.state.database import Base, UtcDateTime

if TYPE_CHECKING:  # what only reads tables needs no YAML
    from pipelines.spec import ModelSpec


DEFAULT_LABELS_WINDOW = timedelta(days=7)
"""Of a model without a spec."""


class RegisteredSpec(Base):
    """An accepted model.yaml. `digest` is of what it says, `sha256` of its bytes.

    `code` is an `OwnCode` as JSON where it names code of its own: the digest covers that too.
    """

    __tablename__ = "model_specs"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    code: Mapped[str | None] = mapped_column(Text)

    @property
    def claim(self) -> Claim:
        """The immutable copy in the object store."""
        return Claim(uri=self.uri, sha256=self.sha256)

    @property
    def own_code(self) -> OwnCode | None:
        """The copies of the code that it names."""
        return None if self.code is None else OwnCode.model_validate_json(self.code)

    def parse(self) -> ModelSpec:
        """Read the spec it holds; a rule between sections (pipelines/spec/rules.py) is not asked again.

        Raises:
            SpecError: it is no spec of this release.
        """
        from pipelines.spec import parse_spec

        return parse_spec(self.text.encode(), model=self.model)


def current_spec(session: Session, model: str) -> RegisteredSpec | None:
    """Return the spec in force, or None when none was ever accepted."""
    newest = select(RegisteredSpec).filter_by(model=model).order_by(RegisteredSpec.seq.desc()).limit(1)
    return session.scalars(newest).first()


def spec_of(session: Session, model: str) -> ModelSpec | None:
    """Return what the spec in force says, or None when none was ever accepted."""
    row = current_spec(session, model)
    return None if row is None else row.parse()


def labels_window(session: Session, model: str) -> timedelta:
    """Return how long after a prediction its label may come, by the spec in force."""
    spec = spec_of(session, model)
    return DEFAULT_LABELS_WINDOW if spec is None else spec.labels.window


def add_spec(
    session: Session,
    model: str,
    *,
    claim: Claim,
    digest: str,
    text: str,
    key: str,
    etag: str | None,
    now: datetime,
    code: OwnCode | None = None,
) -> RegisteredSpec:
    """Put a spec in force. The caller holds the model's lock (`functions.state.datasets.lock_dataset`)."""
    last = session.scalar(select(func.max(RegisteredSpec.seq)).where(RegisteredSpec.model == model))
    row = RegisteredSpec(
        model=model,
        seq=(last or 0) + 1,
        sha256=claim.sha256,
        uri=claim.uri,
        digest=digest,
        text=text,
        key=key,
        etag=etag,
        registered_at=now,
        code=None if code is None else code.model_dump_json(),
    )
    session.add(row)
    session.flush()
    return row


def models_with_spec(session: Session) -> Sequence[str]:
    """Return the names of all models that have a spec, in order."""
    return session.scalars(select(RegisteredSpec.model).distinct().order_by(RegisteredSpec.model)).all()
