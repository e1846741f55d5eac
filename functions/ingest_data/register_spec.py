"""Registers a model.yaml and announces again the files that waited for it, or says what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from eventing.catalogue import Claim, OwnCode, Problem, SpecRegistered, SpecRejected, Unchanged
from eventing.event import Event, answer
from eventing.store import ObjectChanged, ObjectMissing
from functions.data_files.object_keys import SPEC_NAME, DroppedObject
from functions.data_files.refusal import shorten
from functions.ingest_data.context import FUNCTION, Context, log, respond, unchanged
from functions.ingest_data.own_code import CodeReader, files_of
from functions.ingest_data.schema import DataSchema, conflicts
from functions.state.datasets import kept_schema, lock_dataset, take_waiting
from functions.state.handled import Stale, handle_once
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
    """A model.yaml that is valid by itself, its copy in the store, and those of the code that it names.

    `before` is how many specs the model had when it was read.
    """

    spec: ModelSpec
    text: str
    claim: Claim
    file: DroppedObject
    code: OwnCode | None
    before: int


@dataclass(frozen=True)
class _Nothing:
    """Nothing is to be registered."""

    reason: Unchanged
    why: str


_REPLACED = _Nothing(Unchanged.REPLACED, "it was replaced or removed before it could be read")
_KEPT = _Nothing(Unchanged.CODE, "it lies there for the model.yaml that names it, which is still to come")
_UNNAMED = _Nothing(
    Unchanged.IGNORED, "the model.yaml names another file as train.code or train.requirements, or none"
)


def register_spec(context: Context, event: Event, dropped: DroppedObject, model: str) -> list[Event]:
    """Answer with spec.registered and the events of the files that waited, or with spec.rejected.

    What is in force already changes nothing, nor does a file that was replaced meanwhile.

    Args:
        dropped: the model.yaml, or a file with code: then the model.yaml beside it is registered again.
    """
    now = context.clock()

    def write(session: Session, found: _Accepted | list[Problem] | _Nothing) -> list[Event]:
        if isinstance(found, _Nothing):
            return [unchanged(event, dropped, model, found.reason, found.why, now)]
        problems = found if isinstance(found, list) else _conflicts(session, found)
        if problems or isinstance(found, list):
            payload = SpecRejected(model=model, key=dropped.key, problems=shorten(problems))
            return [respond(event, SpecRejected.type, model, payload, now)]
        return _register(session, event, dropped, found, now)

    return handle_once(
        context.sessions,
        FUNCTION,
        event,
        read=lambda session: _position(session, model),
        work=lambda before: _read_spec(context, dropped, model, before),
        write=write,
        now=now,
    )


def _position(session: Session, model: str) -> int:
    """Return how many specs the model has had."""
    current = current_spec(session, model)
    return 0 if current is None else current.seq


def _read_spec(
    context: Context, dropped: DroppedObject, model: str, before: int
) -> _Accepted | list[Problem] | _Nothing:
    """Return the spec with its code, or their problems, or that there is none."""
    is_spec = dropped.key == f"{model}/{SPEC_NAME}"
    spec_file = dropped if is_spec else DroppedObject(dropped.bucket, f"{model}/{SPEC_NAME}", None)
    code = CodeReader(context.store, context.settings.allow_code)
    try:
        with context.store.open(spec_file.uri, spec_file.etag) as stream:
            raw = stream.read(MAX_SPEC_BYTES + 1)
    except (ObjectMissing, ObjectChanged) as error:
        log("superseded", spec_file, why=str(error))
        return _REPLACED if is_spec else _KEPT
    try:
        spec = parse_spec(raw, model=model)
        if not is_spec and dropped.uri not in files_of(spec).values():
            return _UNNAMED
        parse_spec(raw, model=model, checks=[check_rules, check_training, code.check])
    except SpecError as error:
        return list(error.problems)
    digest = hashlib.sha256(raw).hexdigest()
    claim = context.store.put(f"s3://models/{model}/specs/{digest}/model.yaml", raw)
    return _Accepted(spec, decode_spec(raw), claim, spec_file, code.keep(spec), before)


def _conflicts(session: Session, accepted: _Accepted) -> list[Problem]:
    """Lock the dataset; say why it cannot go on with a spec. Raises: Stale: another one has come."""
    spec = accepted.spec
    lock_dataset(session, spec.model)
    if _position(session, spec.model) != accepted.before:
        raise Stale(f"another model.yaml of {spec.model} was taken in meanwhile")
    kept = kept_schema(session, spec.model)
    return conflicts(DataSchema.from_json(kept.document), spec) if kept else []


def _register(
    session: Session, event: Event, dropped: DroppedObject, accepted: _Accepted, now: datetime
) -> list[Event]:
    spec, claim = accepted.spec, accepted.claim
    current = current_spec(session, spec.model)
    events = []
    if current is not None and current.sha256 == claim.sha256 and current.own_code == accepted.code:
        why = "this model.yaml is in force already" + (", with this code" if accepted.code else "")
        events.append(unchanged(event, dropped, spec.model, Unchanged.KNOWN_SPEC, why, now))
    else:
        add_spec(
            session,
            spec.model,
            claim=claim,
            digest=spec_digest(spec, accepted.code),
            text=accepted.text,
            key=accepted.file.key,
            etag=accepted.file.etag,
            now=now,
            code=accepted.code,
        )
        registered = SpecRegistered(model=spec.model, spec=claim, code=accepted.code)
        events.append(respond(event, SpecRegistered.type, spec.model, registered, now))
    return events + [_again(event, waiting, now) for waiting in take_waiting(session, spec.model)]


def _again(cause: Event, waiting: Event, now: datetime) -> Event:
    """Announce a waiting file again, as its source did, so that the same triggers match."""
    return answer(cause, waiting.type, waiting.source, waiting.subject or "", waiting.data, now=now)
