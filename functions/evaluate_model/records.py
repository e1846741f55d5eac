"""Reads what a judgement needs, and writes versions, facts and the events that announce them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import Event, answer
from functions.evaluate_model.evaluate import ChampionFiles, Judgement
from functions.evaluate_model.logic import FUNCTION, Outcome
from functions.state import versions
from functions.state.handled import Stale
from functions.state.rollouts import get_rollout
from functions.state.runs import get_run
from functions.state.specs import spec_of
from functions.state.versions import Fact
from pipelines.layout import folder_of
from pipelines.spec import ModelSpec

SOURCE = kinds.source_of(FUNCTION)
GATE = "offline gate"
_FILES = ("candidate", "card", "holdout", "reference")


@dataclass(frozen=True)
class Basis:
    """What a judgement rests on: the model.yaml in force, None when there is none, and the champion."""

    spec: ModelSpec | None
    champion_files: ChampionFiles | None


def read_basis(session: Session, completed: kinds.TrainingCompleted) -> Basis:
    """Return what a candidate is judged by now; it is never compared with itself."""
    spec = spec_of(session, completed.model)
    champion = versions.champion(session, completed.model)
    if champion is None or champion == completed.version:
        return Basis(spec, None)
    row = versions.get_version(session, completed.model, champion)
    return Basis(spec, None if row is None else ChampionFiles(champion, row.candidate, row.card))


def check_approved(session: Session, completed: kinds.TrainingCompleted) -> None:
    """Take a completion only of a run that the governor approved, with files that this run alone writes.

    Raises:
        Rejected: nobody should score what it names.
    """
    which = f"{completed.model}/v{completed.version}"
    run = get_run(session, completed.model, completed.version)
    if run is None or run.run_id != completed.run_id:
        raise Rejected(f"the governor approved no run {completed.run_id} for {which}: it is not judged")
    folder = folder_of(completed.model, completed.version)
    for name in _FILES:
        uri = getattr(completed, name).uri
        if not uri.startswith(folder) or not {".", ".."}.isdisjoint(uri.split("/")):
            raise Rejected(f"{uri} is not judged: the run of {which} writes to {folder}")
    refuse_other_files(session, completed)


def refuse_other_files(session: Session, completed: kinds.TrainingCompleted) -> None:
    """Let nothing be said of a registered version because of files that are not its own.

    Raises:
        Rejected: the version is registered with other files.
    """
    known = versions.get_version(session, completed.model, completed.version)
    for name in _FILES if known is not None else ():
        claim: kinds.Claim = getattr(completed, name)
        if (claim.uri, claim.sha256) != (getattr(known, f"{name}_uri"), getattr(known, f"{name}_sha256")):
            what = "model" if name == "candidate" else name
            raise Rejected(f"{completed.model}/v{completed.version} is registered with another {what} file")


def record_judgement(
    session: Session,
    event: Event,
    completed: kinds.TrainingCompleted,
    basis: Basis,
    judgement: Judgement,
    now: datetime,
) -> list[Event]:
    """Register the version with the verdict's fact, and return the event of the verdict.

    Raises:
        Stale: the judgement rests on what is no longer so.
        Rejected: the version is registered with other content.
    """
    if read_basis(session, completed) != basis:
        raise Stale("the champion or the model.yaml keeps changing", after_s=5)
    if not versions.register(session, completed, event.id, now):
        refuse_other_files(session, completed)
    verdict = verdict_event(event, completed, judgement, now)
    fact = {kinds.ModelApproved.type: Fact.APPROVED, kinds.ModelRejected.type: Fact.REJECTED}.get(
        verdict.type
    )
    if fact is not None:
        versions.record_fact(session, completed.model, completed.version, fact, verdict.id, now)
    return [verdict]


def verdict_event(
    event: Event, completed: kinds.TrainingCompleted, judgement: Judgement, now: datetime
) -> Event:
    """Build the event of a verdict."""
    verdict = judgement.verdict
    about: dict[str, Any] = {
        "model": completed.model,
        "version": completed.version,
        "decided_from": judgement.decided_from,
    }
    payload: kinds.Payload
    match judgement.decision.outcome:
        case Outcome.APPROVE:
            payload = kinds.ModelApproved(
                **about, approved_by=GATE, verdict=verdict, logged_shadow=judgement.logged_shadow
            )
        case Outcome.ASK if verdict is not None:
            payload = kinds.ModelApprovalRequested(**about, verdict=verdict)
        case _:
            message = f"{judgement.decision.rule}: {judgement.decision.message}"
            payload = kinds.ModelRejected(**about, rejected_by=GATE, message=message, verdict=verdict)
    subject = f"{completed.model}/v{completed.version}"
    return answer(event, payload.type, SOURCE, subject, payload, now=now)


def record_decision(
    session: Session, event: Event, payload: kinds.ModelApproved | kinds.ModelRejected, now: datetime
) -> list[Event]:
    """Record what a person, or the gate itself, decided of a version.

    Raises:
        Rejected: there is no such version; or it serves or is rolled out, and would go on all the same.
    """
    if versions.get_version(session, payload.model, payload.version) is None:
        raise Rejected(f"{payload.model} has no version {payload.version} that could be decided on")
    if isinstance(payload, kinds.ModelRejected) and event.source != SOURCE:
        refuse_rejection(session, payload.model, payload.version)
    versions.record_fact(session, payload.model, payload.version, _fact_of(payload), event.id, now)
    return []


def _fact_of(payload: kinds.ModelApproved | kinds.ModelRejected) -> Fact:
    if isinstance(payload, kinds.ModelApproved):
        return Fact.APPROVED
    return Fact.REJECTED if payload.superseded_by is None else Fact.SUPERSEDED


def refuse_rejection(session: Session, model: str, version: int) -> None:
    """Raise Rejected for a version that would go on serving, or go on being rolled out, all the same."""
    rollout = get_rollout(session, model)
    if versions.champion(session, model) == version:
        raise Rejected(
            f"{model}/v{version} serves, so it cannot be rejected: go back to the version before with "
            f"`kascade rollback {model}`, or replace it with `kascade promote {model} <another version>`"
        )
    if rollout is not None and rollout.version == version:
        raise Rejected(
            f"{model}/v{version} is being rolled out, so it cannot be rejected: take it back with "
            f"`kascade rollback {model}`"
        )
    if rollout is not None and rollout.queued_version == version:
        raise Rejected(
            f"{model}/v{version} is approved and waits for its rollout, so it cannot be rejected: "
            f"`kascade rollback {model}` takes it back once it has begun, and a newer approval replaces it"
        )
