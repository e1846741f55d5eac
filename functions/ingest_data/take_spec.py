"""Takes a model.yaml: registers it and lets the files go on that waited for it, or says what is wrong."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy.orm import Session

from eventing.catalogue import (
    SPEC_REGISTERED,
    SPEC_REJECTED,
    Claim,
    Problem,
    SpecRegistered,
    SpecRejected,
)
from eventing.event import Event, answer
from eventing.store import ObjectChanged, ObjectMissing
from functions.ingest_data.drop import Drop
from functions.ingest_data.keys import SpecFile
from functions.ingest_data.refusal import shorten
from functions.ingest_data.schema import DataSchema, conflicts
from functions.ingest_data.workplace import FUNCTION, End, Workplace, note, respond
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


def take_spec(place: Workplace, event: Event, drop: Drop, file: SpecFile) -> list[Event]:
    """Answer with spec.registered and the events of the files that waited, or with spec.rejected.

    The model.yaml that is in force already is answered with nothing.
    """
    now = place.clock()
    return handle_once(
        place.sessions,
        FUNCTION,
        event,
        read=lambda session: None,
        work=lambda _: _read_spec(place, event, drop, file, now),
        write=lambda session, end: end(session),
        now=now,
    )


def _read_spec(place: Workplace, event: Event, drop: Drop, file: SpecFile, now: datetime) -> End:
    try:
        with place.store.open(drop.uri, drop.etag) as stream:
            raw = stream.read(MAX_SPEC_BYTES + 1)
    except (ObjectMissing, ObjectChanged) as error:
        note("superseded", drop, why=str(error))
        return lambda session: []
    try:
        spec = parse_spec(raw, model=file.model, checks=[check_rules, check_training])
    except SpecError as error:
        refused = _rejection(event, drop, file.model, list(error.problems), now)
        return lambda session: [refused]
    digest = hashlib.sha256(raw).hexdigest()
    claim = place.store.put(f"s3://models/{file.model}/specs/{digest}/model.yaml", raw)
    text = decode_spec(raw)
    return lambda session: _register(session, event, drop, spec, claim, text, now)


def _register(
    session: Session, event: Event, drop: Drop, spec: ModelSpec, claim: Claim, text: str, now: datetime
) -> list[Event]:
    lock_dataset(session, spec.model)
    kept = kept_schema(session, spec.model)
    problems = conflicts(DataSchema.from_json(kept.document), spec) if kept else []
    if problems:
        return [_rejection(event, drop, spec.model, problems, now)]
    current = current_spec(session, spec.model)
    answers = []
    if current is not None and current.sha256 == claim.sha256:
        note("unchanged", drop, spec=claim.sha256)
    else:
        digest = spec_digest(spec)
        add_spec(
            session, spec.model, claim=claim, digest=digest, text=text, key=drop.key, etag=drop.etag, now=now
        )
        registered = SpecRegistered(model=spec.model, spec=claim)
        answers.append(respond(event, SPEC_REGISTERED, spec.model, registered, now))
    return answers + [_again(event, waiting, now) for waiting in take_waiting(session, spec.model)]


def _again(cause: Event, waiting: Event, now: datetime) -> Event:
    """Tell of a waiting file again, as its source did, so that the same triggers match."""
    return answer(cause, waiting.type, waiting.source, waiting.subject or "", waiting.data, now=now)


def _rejection(event: Event, drop: Drop, model: str, problems: list[Problem], now: datetime) -> Event:
    payload = SpecRejected(model=model, key=drop.key, problems=shorten(problems))
    return respond(event, SPEC_REJECTED, model, payload, now)
