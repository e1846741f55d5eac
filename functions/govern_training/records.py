"""Reads from the database what the rules decide from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from eventing.catalogue import Claim, OwnCode, TrainingApproved, TrainingReason
from eventing.event import CAUSATION, Event
from functions.govern_training.facts import Digests, Request, Run
from functions.govern_training.logic import MAX_DEPTH
from functions.govern_training.pending import is_forced
from functions.state import ledger, versions
from functions.state.governor import GovernorRow
from functions.state.runs import TrainingRun
from functions.state.specs import current_spec
from pipelines.spec import ModelSpec, parse_spec

RECENT_RUNS, SAME_RUNS = 50, 10
"""So many are decided from: they fit into an event. No run follows a completed one with its digests."""


@dataclass(frozen=True)
class SpecInForce:
    """The newest accepted model.yaml: what it says, its immutable copy, and the digest of what it says.

    `since` is when it was accepted; None counts as before everything. `code` is what its train.code names.
    """

    spec: ModelSpec
    claim: Claim
    digest: str
    since: datetime | None = None
    code: OwnCode | None = None


def spec_in_force(session: Session, model: str) -> SpecInForce | None:
    """Read the model.yaml in force; None when none was ever accepted."""
    row = current_spec(session, model)
    return (
        None
        if row is None
        else SpecInForce(_parsed(model, row.text), row.claim, row.digest, row.registered_at, row.own_code)
    )


@lru_cache(maxsize=64)
def _parsed(model: str, text: str) -> ModelSpec:
    return parse_spec(text.encode(), model=model)


def load_runs(session: Session, model: str, digests: Digests | None = None) -> tuple[Run, ...]:
    """Read the model's newest runs, and earlier ones with the same digests, oldest first."""
    newest = select(TrainingRun).filter_by(model=model).order_by(TrainingRun.version.desc())
    rows = {row.version: row for row in session.scalars(newest.limit(RECENT_RUNS))}
    if digests is not None:
        same = newest.filter_by(
            dataset_digest=digests.dataset, code_digest=digests.code, config_digest=digests.config
        )
        rows |= {row.version: row for row in session.scalars(same.limit(SAME_RUNS))}
    return tuple(as_run(rows[version]) for version in sorted(rows))


def load_chain(session: Session, model: str, event: Event) -> tuple[int, int]:
    """Return (depth, runs of this model among the causes) of an event."""
    causes = ledger.causes_of(session, event.extensions.get(CAUSATION), MAX_DEPTH + 2)
    own = f"{model}/"
    trained = sum(
        found.type == TrainingApproved.type and (found.subject or "").startswith(own) for found in causes
    )
    # The ledger may lag behind; that many runs in one chain are a loop whoever caused what.
    runs = session.scalar(
        select(func.count())
        .select_from(TrainingRun)
        .filter_by(model=model, correlation_id=event.correlation_id)
    )
    return max(len(causes), runs or 0), trained


def as_run(row: TrainingRun) -> Run:
    """Copy a run's row into a value."""
    return Run(
        run_id=row.run_id,
        version=row.version,
        automatic=row.automatic,
        digests=Digests(row.dataset_digest, row.code_digest, row.config_digest),
        rows=row.rows,
        approved_at=row.approved_at,
        lease_until=row.lease_until,
        train_rows=row.train_rows,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        verdict=row.verdict,
        rollout=row.rollout,
        hold_until=row.hold_until,
        answers_harm=row.harmed_version is not None,
        registered=row.registered,
    )


def is_retired(session: Session, model: str, in_force: SpecInForce | None) -> bool:
    """Say whether a model is out of service, and no newer model.yaml says that it is wanted again."""
    retired = versions.retirement(session, model)
    if retired is None:
        return False
    return in_force is None or in_force.since is None or in_force.since <= retired.at


def as_request(
    row: GovernorRow, digests: Digests | None, *, known: bool, retired: bool = False
) -> Request | None:
    """Copy the waiting triggers into a value; None when none waits."""
    if not row.pending_reasons or row.pending_first_at is None or row.pending_last_at is None:
        return None
    return Request(
        reasons=frozenset(TrainingReason(name) for name in row.pending_reasons.split(",")),
        digests=digests,
        total_rows=row.dataset_rows,
        first_at=row.pending_first_at,
        last_at=row.pending_last_at,
        depth=row.pending_depth,
        trained_in_chain=row.pending_trained,
        known=known,
        retired=retired,
        forced=is_forced(row),
    )
