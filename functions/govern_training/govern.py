"""Handles one event about one model: applies it, decides about what waits, writes and announces that."""

from __future__ import annotations

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.govern_training import pending
from functions.govern_training.apply_event import apply_event
from functions.govern_training.event_context import FUNCTION, SOURCE, EventContext
from functions.govern_training.facts import Decision, Digests, Inputs, Refuse, Start, Wait
from functions.govern_training.logic import ALARMS, decide, reason_of
from functions.govern_training.records import SpecInForce, as_request, is_retired, load_runs
from functions.govern_training.starting import start_run
from functions.state import timers
from pipelines.spec import Retrain


def govern(context: EventContext, payload: kinds.Payload, code_digest: str) -> list[Event]:
    """Write the state that follows from an event; return the events that answer it."""
    events = apply_event(context, payload)
    context.session.flush()
    digests = _digests(context, code_digest)
    retired = is_retired(context.session, context.model, context.in_force)
    request = as_request(context.row, digests, known=context.in_force is not None, retired=retired)
    if request is not None:
        policy = context.spec.retrain if context.spec is not None else Retrain()
        inputs = Inputs(request, context.now, load_runs(context.session, context.model, digests))
        decision = decide(policy, inputs)
        events += _carry_out(context, inputs, decision, kinds.DecisionInputs.of(policy, inputs))
    if context.row.dataset_sha256 is None and not context.row.pending_reasons:
        context.session.delete(context.row)  # someone misspelt a name: no model comes of it
    return events


def _digests(context: EventContext, code_digest: str) -> Digests | None:
    if context.in_force is None or context.row.dataset_sha256 is None:
        return None
    return Digests(context.row.dataset_sha256, code_digest, context.in_force.digest)


def _carry_out(
    context: EventContext, inputs: Inputs, decision: Decision, decided_from: kinds.DecisionInputs
) -> list[Event]:
    key, request = f"{context.model}/pending", inputs.request
    match decision:
        case Start() if request.digests is not None and context.in_force is not None:
            timers.cancel_timer(context.session, FUNCTION, key)
            return [_start(context, request.digests, context.in_force, decision, decided_from)]
        case Start():
            raise TypeError("nothing starts without a dataset and a model.yaml")
        case Wait(until=until) if until is not None:
            timers.set_timer(context.session, FUNCTION, key, until, cause=_cause(context))
        case Refuse():
            # A person is refused what an alarm may wait for.
            pending.drop(context.row, request.reasons - ALARMS if request.manual else request.reasons)
            timers.cancel_timer(context.session, FUNCTION, key)
        case _:
            timers.cancel_timer(context.session, FUNCTION, key)
    return _announce(context, inputs, decision, decided_from)


def _start(
    context: EventContext,
    digests: Digests,
    in_force: SpecInForce,
    decision: Start,
    decided_from: kinds.DecisionInputs,
) -> Event:
    approval = start_run(
        context,
        _cause(context),
        digests,
        in_force,
        reason=decision.reason,
        rule=decision.rule,
        decided_from=decided_from,
    )
    row = context.row
    pending.drop(row, pending.waiting_in(row))
    row.announced = ""
    return approval


def _announce(
    context: EventContext, inputs: Inputs, decision: Wait | Refuse, decided_from: kinds.DecisionInputs
) -> list[Event]:
    """Say why nothing starts: once while the answer stays the same, and always to a person who asks."""
    outcome = f"{type(decision).__name__} {decision.rule}: {decision.message}"
    asked = context.event.type == kinds.TrainingRequested.type
    if outcome == context.row.announced and not asked:
        return []
    context.row.announced = outcome
    payload = kinds.TrainingDeferred(
        model=context.model,
        reason=reason_of(decision, inputs),
        rule=decision.rule,
        message=decision.message,
        refused=isinstance(decision, Refuse),
        until=decision.until if isinstance(decision, Wait) else None,
        run_id=decision.run_id if isinstance(decision, Refuse) else None,
        decided_from=decided_from,
    )
    return [
        answer(context.event, kinds.TrainingDeferred.type, SOURCE, context.model, payload, now=context.now)
    ]


def _cause(context: EventContext) -> Event:
    return pending.cause_of(context.row) or context.event
