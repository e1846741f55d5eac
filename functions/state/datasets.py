"""Datasets: the parts of each model's data in order, the schema they keep, and files that wait for a spec."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from eventing.catalogue import Claim
from eventing.event import Event
from functions.state.database import Base, UtcDateTime, insert_if_absent, insert_into, lock_row
from functions.state.stored_event import dump_event, load_event


class Dataset(Base):
    """One model's dataset: how much it holds. Its row is what changes to the dataset queue up for."""

    __tablename__ = "datasets"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    parts: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(BigInteger)
    schema_sha256: Mapped[str | None] = mapped_column(Text)
    manifest_sha256: Mapped[str | None] = mapped_column(Text)


class DatasetPart(Base):
    """One immutable part. Positions are dense from 0; the same content is a part once."""

    __tablename__ = "dataset_parts"
    __table_args__ = (UniqueConstraint("model", "sha256"),)

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    rows: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    profile_sha256: Mapped[str] = mapped_column(Text)
    schema_sha256: Mapped[str] = mapped_column(Text)
    spec_sha256: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeptSchema(Base):
    """A data schema that parts were checked with; `document` is its canonical JSON."""

    __tablename__ = "data_schemas"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    uri: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WaitingFile(Base):
    """A data file that came before its model.yaml: the event that announced its newest version."""

    __tablename__ = "waiting_files"

    model: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    etag: Mapped[str | None] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


def lock_dataset(session: Session, model: str) -> Dataset:
    """Return the model's dataset, made if absent, locked until the transaction ends.

    Everything that changes a model's dataset or spec takes this lock first, so positions are dense, manifests
    agree with them, and no file is left waiting for a spec that is just being registered.
    """
    return lock_row(session, Dataset, model, parts=0, rows=0)


def kept_schema(session: Session, model: str) -> KeptSchema | None:
    """Return the schema that the newest part was checked with, or None before the first part."""
    dataset = session.get(Dataset, model)
    if dataset is None or dataset.schema_sha256 is None:
        return None
    return session.get_one(KeptSchema, (model, dataset.schema_sha256))


def keep_schema(session: Session, dataset: Dataset, *, claim: Claim, document: str, now: datetime) -> None:
    """Make a schema the one that the dataset keeps."""
    row = {
        "model": dataset.model,
        "sha256": claim.sha256,
        "uri": claim.uri,
        "document": document,
        "kept_at": now,
    }
    insert_if_absent(session, KeptSchema, row)
    dataset.schema_sha256 = claim.sha256


def find_part(session: Session, model: str, sha256: str) -> DatasetPart | None:
    """Return the part with this content, or None."""
    return session.scalars(select(DatasetPart).filter_by(model=model, sha256=sha256)).first()


def parts_of(session: Session, model: str) -> Sequence[DatasetPart]:
    """Return the model's parts in order."""
    return session.scalars(select(DatasetPart).filter_by(model=model).order_by(DatasetPart.position)).all()


def append_part(session: Session, dataset: Dataset, part: DatasetPart) -> None:
    """Put a part at the end of a locked dataset; its position is set here.

    Raises:
        sqlalchemy.exc.IntegrityError: the dataset has a part with this content.
    """
    part.position = dataset.parts
    session.add(part)
    dataset.parts += 1
    dataset.rows += part.rows
    session.flush()


def manifest(parts: Sequence[DatasetPart], model: str, *, spec_sha256: str, schema_sha256: str) -> bytes:
    """Write the manifest of a dataset as canonical JSON: its parts in order, the newest spec and schema."""
    listed = [
        {"uri": part.uri, "sha256": part.sha256, "rows": part.rows, "bytes": part.size, "key": part.key}
        for part in parts
    ]
    document = {"model": model, "parts": listed, "spec_sha256": spec_sha256, "schema_sha256": schema_sha256}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def wait_for_spec(
    session: Session, model: str, key: str, etag: str | None, event: Event, now: datetime
) -> None:
    """Note a file that came before its model's spec, in place of an earlier version of it.

    The caller holds the model's lock.
    """
    row = {"model": model, "key": key, "etag": etag, "event": dump_event(event), "since": now}
    newer = {name: row[name] for name in ("etag", "event", "since")}
    statement = insert_into(session, WaitingFile).values(**row)
    session.execute(statement.on_conflict_do_update(index_elements=["model", "key"], set_=newer))


def take_waiting(session: Session, model: str) -> list[Event]:
    """Return the events of the files that wait for the model's spec, by key, and forget them."""
    rows = session.scalars(select(WaitingFile).filter_by(model=model).order_by(WaitingFile.key)).all()
    events = [load_event(row.event) for row in rows]
    session.execute(delete(WaitingFile).where(WaitingFile.model == model))
    return events
