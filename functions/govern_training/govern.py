"""Handles one event about one model: observe it, decide what waits, write the decision, say it."""

from __future__ import annotations

from eventing import catalogue as kinds
from eventing.event import Event, answer, derive_id
from functions.govern_training import pending
from functions.govern_training.facts import Decision, Digests, Inputs, Refuse, Start, Wait
from functions.govern_training.logic import ALARMS, decide, reason_of
from functions.govern_training.observe import FUNCTION, SOURCE, Scene, observe, set_lease
from functions.govern_training.records import SpecInForce, as_request, is_retired, load_runs
from functions.state import timers, versions
from functions.state.runs import TrainingRun, next_version
from pipelines.spec import Retrain


def govern(scene: Scene, payload: kinds.Payload, code_digest: str) -> list[Event]:
    """Return the events that answer this one, having written the state they speak of."""
    said = observe(scene, payload)
    scene.session.flush()
    digests = _digests(scene, code_digest)
    retired = is_retired(scene.session, scene.model, scene.in_force)
    request = as_request(scene.row, digests, known=scene.in_force is not None, retired=retired)
    if request is not None:
        policy = scene.spec.retrain if scene.spec is not None else Retrain()
        inputs = Inputs(request, scene.now, load_runs(scene.session, scene.model, digests))
        decision = decide(policy, inputs)
        said += _carry_out(scene, inputs, decision, kinds.DecisionInputs.of(policy, inputs))
    if scene.row.dataset_sha256 is None and not scene.row.pending_reasons:
        scene.session.delete(scene.row)  # someone misspelt a name: no model comes of it
    return said


def _digests(scene: Scene, code_digest: str) -> Digests | None:
    if scene.in_force is None or scene.row.dataset_sha256 is None:
        return None
    return Digests(scene.row.dataset_sha256, code_digest, scene.in_force.digest)


def _carry_out(
    scene: Scene, inputs: Inputs, decision: Decision, decided_from: kinds.DecisionInputs
) -> list[Event]:
    key, request = f"{scene.model}/pending", inputs.request
    match decision:
        case Start() if request.digests is not None and scene.in_force is not None:
            timers.cancel_timer(scene.session, FUNCTION, key)
            return [_start(scene, request.digests, scene.in_force, decision, decided_from)]
        case Start():
            raise TypeError("nothing starts without a dataset and a model.yaml")
        case Wait(until=until) if until is not None:
            timers.set_timer(scene.session, FUNCTION, key, until, cause=_cause(scene))
        case Refuse():
            # A person is refused what an alarm may wait for.
            pending.drop(scene.row, request.reasons - ALARMS if request.manual else request.reasons)
            timers.cancel_timer(scene.session, FUNCTION, key)
        case _:
            timers.cancel_timer(scene.session, FUNCTION, key)
    return _announce(scene, inputs, decision, decided_from)


def _start(
    scene: Scene,
    digests: Digests,
    in_force: SpecInForce,
    decision: Start,
    decided_from: kinds.DecisionInputs,
) -> Event:
    version = next_version(scene.session, scene.model)
    champion = versions.champion(scene.session, scene.model)
    known = versions.get_version(scene.session, scene.model, champion) if champion else None
    cause = _cause(scene)
    row = scene.row
    subject = f"{scene.model}/v{version}"
    unique = derive_id(cause.id, kinds.TrainingApproved.type, subject)[:8]
    payload = kinds.TrainingApproved(
        model=scene.model,
        version=version,
        run_id=f"{scene.model}-v{version}-{unique}",
        reason=decision.reason,
        rule=decision.rule,
        dataset=_claim(row.dataset_uri, row.dataset_sha256),
        spec=in_force.claim,
        data_schema=_claim(row.schema_uri, row.schema_sha256),
        champion=known.candidate if known else None,
        champion_version=champion,
        output=f"s3://models/{scene.model}/v{version}/",
        seed=in_force.spec.train.seed,
        decided_from=decided_from,
    )
    run = TrainingRun(
        model=scene.model,
        version=version,
        run_id=payload.run_id,
        reason=decision.reason.value,
        automatic=decision.reason is not kinds.TrainingReason.MANUAL,
        cause_id=cause.id,
        correlation_id=cause.correlation_id,
        dataset_digest=digests.dataset,
        config_digest=digests.config,
        code_digest=digests.code,
        rows=row.dataset_rows,
        approved_at=scene.now,
        lease_until=scene.now + scene.settings.run_lease,
    )
    scene.session.add(run)
    set_lease(scene)
    pending.drop(row, pending.waiting_in(row))
    row.announced = ""
    return answer(cause, kinds.TrainingApproved.type, SOURCE, subject, payload, now=scene.now)


def _announce(
    scene: Scene, inputs: Inputs, decision: Wait | Refuse, decided_from: kinds.DecisionInputs
) -> list[Event]:
    """Say why nothing starts: once while the answer stays the same, and always to a person who asks."""
    outcome = f"{type(decision).__name__} {decision.rule}: {decision.message}"
    asked = scene.event.type == kinds.TrainingRequested.type
    if outcome == scene.row.announced and not asked:
        return []
    scene.row.announced = outcome
    payload = kinds.TrainingDeferred(
        model=scene.model,
        reason=reason_of(decision, inputs),
        rule=decision.rule,
        message=decision.message,
        refused=isinstance(decision, Refuse),
        until=decision.until if isinstance(decision, Wait) else None,
        run_id=decision.run_id if isinstance(decision, Refuse) else None,
        decided_from=decided_from,
    )
    return [answer(scene.event, kinds.TrainingDeferred.type, SOURCE, scene.model, payload, now=scene.now)]


def _cause(scene: Scene) -> Event:
    return pending.cause_of(scene.row) or scene.event


def _claim(uri: str | None, sha256: str | None) -> kinds.Claim:
    return kinds.Claim(uri=uri or "", sha256=sha256 or "")
