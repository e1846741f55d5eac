"""Registers a model.yaml and announces again the files that waited for it, or says what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from eventing.catalogue import Claim, Problem, SpecRegistered, SpecRejected, Unchanged
from eventing.event import Event, answer
from eventing.store import ObjectChanged, ObjectMissing
from functions.ingest_data.context import FUNCTION, Context, log, respond, unchanged
from functions.ingest_data.object_keys import DroppedObject, SpecFile
from functions.ingest_data.refusal import shorten
from functions.ingest_data.schema import DataSchema, conflicts
from functions.state.datasets import kept_schema, lock_dataset, take_waiting
from functions.state.handled import handle_once
from functions.state.specs import add_spec, current_spec
from pipelines.estimators import check_training
from pipelines.spec import (
    MAX_SPEC_BYTES,
    ModelSpec,
    SpecError,
    check_rules,
    decode_spec,
    parse_spec,
    spec_digest,
)


@dataclass(frozen=True)
class _Accepted:
    """A model.yaml that is valid by itself, and its copy in the store."""

    spec: ModelSpec
    text: str
    claim: Claim


def register_spec(context: Context, event: Event, dropped: DroppedObject, file: SpecFile) -> list[Event]:
    """Answer with spec.registered and the events of the files that waited, or with spec.rejected.

    The model.yaml that is in force already changes nothing, nor does one that was replaced meanwhile.
    """
    now = context.clock()

    def write(session: Session, found: _Accepted | list[Problem] | None) -> list[Event]:
        if found is None:
            why = "it was replaced or removed before it could be read"
            return [unchanged(event, dropped, file.model, Unchanged.REPLACED, why, now)]
        problems = found if isinstance(found, list) else _conflicts(session, found.spec)
        if problems or isinstance(found, list):
            payload = SpecRejected(model=file.model, key=dropped.key, problems=shorten(problems))
            return [respond(event, SpecRejected.type, file.model, payload, now)]
        return _register(session, event, dropped, found, now)

    return handle_once(
        context.sessions,
        FUNCTION,
        event,
        read=lambda session: None,
        work=lambda _: _read_spec(context, dropped, file),
        write=write,
        now=now,
    )


def _read_spec(context: Context, dropped: DroppedObject, file: SpecFile) -> _Accepted | list[Problem] | None:
    """Return the spec, or its problems; None when it was replaced or removed meanwhile."""
    try:
        with context.store.open(dropped.uri, dropped.etag) as stream:
            raw = stream.read(MAX_SPEC_BYTES + 1)
    except (ObjectMissing, ObjectChanged) as error:
        log("superseded", dropped, why=str(error))
        return None
    try:
        spec = parse_spec(raw, model=file.model, checks=[check_rules, check_training])
    except SpecError as error:
        return list(error.problems)
    digest = hashlib.sha256(raw).hexdigest()
    claim = context.store.put(f"s3://models/{file.model}/specs/{digest}/model.yaml", raw)
    return _Accepted(spec, decode_spec(raw), claim)


def _conflicts(session: Session, spec: ModelSpec) -> list[Problem]:
    """Lock the dataset; say why it cannot go on with a spec."""
    lock_dataset(session, spec.model)
    kept = kept_schema(session, spec.model)
    return conflicts(DataSchema.from_json(kept.document), spec) if kept else []


def _register(
    session: Session, event: Event, dropped: DroppedObject, accepted: _Accepted, now: datetime
) -> list[Event]:
    spec, claim = accepted.spec, accepted.claim
    current = current_spec(session, spec.model)
    answers = []
    if current is not None and current.sha256 == claim.sha256:
        why = "this model.yaml is in force already"
        answers.append(unchanged(event, dropped, spec.model, Unchanged.KNOWN_SPEC, why, now))
    else:
        add_spec(
            session,
            spec.model,
            claim=claim,
            digest=spec_digest(spec),
            text=accepted.text,
            key=dropped.key,
            etag=dropped.etag,
            now=now,
        )
        registered = SpecRegistered(model=spec.model, spec=claim)
        answers.append(respond(event, SpecRegistered.type, spec.model, registered, now))
    return answers + [_again(event, waiting, now) for waiting in take_waiting(session, spec.model)]


def _again(cause: Event, waiting: Event, now: datetime) -> Event:
    """Announce a waiting file again, as its source did, so that the same triggers match."""
    return answer(cause, waiting.type, waiting.source, waiting.subject or "", waiting.data, now=now)
