"""Starts a run: gives it a number and a row, and says so."""

from __future__ import annotations

from eventing import catalogue as kinds
from eventing.event import Event, answer, derive_id
from functions.govern_training import pending
from functions.govern_training.event_context import SOURCE, EventContext
from functions.govern_training.facts import Digests
from functions.govern_training.records import SpecInForce
from functions.govern_training.silent_runs import set_lease
from functions.state import versions
from functions.state.runs import TrainingRun, next_version
from pipelines.layout import folder_of


def start_run(
    context: EventContext,
    cause: Event,
    digests: Digests,
    in_force: SpecInForce,
    *,
    reason: kinds.TrainingReason,
    rule: str,
    registered: kinds.OutsideModel | None = None,
    decided_from: kinds.DecisionInputs | None = None,
) -> Event:
    """Write the row of a run; return its approval.

    Args:
        cause: the event that is answered.
        registered: the model to take in place of training one.
    """
    version = next_version(context.session, context.model)
    champion = versions.champion(context.session, context.model)
    known = versions.get_version(context.session, context.model, champion) if champion else None
    row = context.row
    subject = f"{context.model}/v{version}"
    unique = derive_id(cause.id, kinds.TrainingApproved.type, subject)[:8]
    payload = kinds.TrainingApproved(
        model=context.model,
        version=version,
        run_id=f"{context.model}-v{version}-{unique}",
        reason=reason,
        rule=rule,
        dataset=_claim(row.dataset_uri, row.dataset_sha256),
        spec=in_force.claim,
        data_schema=_claim(row.schema_uri, row.schema_sha256),
        champion=known.candidate if known else None,
        champion_version=champion,
        harmed_version=pending.harmed_version(row),
        output=folder_of(context.model, version),
        registered=registered,
        seed=in_force.spec.train.seed,
        code=in_force.code if registered is None else None,
        decided_from=decided_from,
    )
    by_person = (kinds.TrainingReason.MANUAL, kinds.TrainingReason.REGISTERED)
    run = TrainingRun(
        model=context.model,
        version=version,
        run_id=payload.run_id,
        reason=reason.value,
        automatic=reason not in by_person,
        cause_id=cause.id,
        correlation_id=cause.correlation_id,
        dataset_digest=digests.dataset,
        config_digest=digests.config,
        code_digest=digests.code,
        rows=row.dataset_rows,
        approved_at=context.now,
        lease_until=context.now + context.settings.run_start,
        harmed_version=payload.harmed_version,
    )
    context.session.add(run)
    set_lease(context)
    return answer(cause, kinds.TrainingApproved.type, SOURCE, subject, payload, now=context.now)


def _claim(uri: str | None, sha256: str | None) -> kinds.Claim:
    return kinds.Claim(uri=uri or "", sha256=sha256 or "")
