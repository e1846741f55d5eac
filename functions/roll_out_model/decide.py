"""Decides what an event makes of a model's rollout. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from eventing import catalogue as kinds
from eventing.errors import Rejected
from functions.roll_out_model.admission import Admission, admit
from functions.roll_out_model.logic import FUNCTION, Desired, Goal, Retirement, Rollout, Stage
from functions.roll_out_model.rollout_state import ModelState, Phase, RolloutState, Verdict
from functions.state.versions import Fact

Payload = (
    kinds.ModelApproved | kinds.ModelRecalled | kinds.RolloutDecided | kinds.RolloutRequested | kinds.TimerDue
)
_ENDED = frozenset({Fact.ROLLED_BACK, Fact.INCONCLUSIVE, Fact.RETIRED})


@dataclass(frozen=True)
class Decision:
    """What an event makes of a model's rollout.

    Attributes:
        state: what it was decided by.
        rollout: the rollout after it; None when none is under way.
        begins: the rollout begins with this event.
        queue: the approved version that waits from now on.
        declined: approved versions that are not rolled out, each with the reason.
    """

    state: ModelState
    rollout: RolloutState | None
    begins: bool = False
    queue: int | None = None
    declined: tuple[tuple[int, str], ...] = ()

    @property
    def goal(self) -> Goal:
        """What is wanted of the platform."""
        rollout, state = self.rollout, self.state
        if rollout is None:
            return _desired(state)
        if rollout.phase is Phase.RETIRE:
            return Retirement(state.model, asked_now=self.begins)
        verdict = rollout.in_force
        if verdict is None:
            stage = Stage.REPLACE if rollout.phase is Phase.ROLLBACK else Stage(rollout.phase.value)
        else:
            stage = Stage.REPLACE if verdict.outcome is kinds.RolloutOutcome.PROMOTED else Stage.ABANDON
        return Rollout(
            state.versions[rollout.version],
            None if rollout.champion is None else state.versions.get(rollout.champion),
            rollout.deadline,
            stage,
            rollout.percent,
            verdict.message if verdict else "",
            has_served=rollout.started and rollout.phase is not Phase.REPLACE,
        )


def _desired(state: ModelState) -> Desired:
    champion = state.champion()
    last = dict(state.facts)
    promoted = {version for version, fact in state.facts if fact is Fact.PROMOTED}
    ended = {version for version, fact in last.items() if fact in _ENDED}
    if state.retired_at is not None:
        # A retired model has no champion to go back to either.
        ended |= {version for version, fact in last.items() if fact is Fact.PROMOTED}
        promoted.clear()
    return Desired(
        state.model,
        None if champion is None else state.versions.get(champion),
        state.champion(without=champion),
        frozenset(ended - promoted),
    )


def decide(state: ModelState, payload: Payload, now: datetime, deadline: datetime) -> Decision:
    """Decide what an event asks for.

    Args:
        deadline: until when a version must be ready whose rollout begins now.

    Raises:
        Rejected: what is asked for cannot be.
    """
    match payload:
        case kinds.ModelApproved():
            return _approved(state, payload, deadline)
        case kinds.ModelRecalled():
            return _recalled(state, payload, deadline)
        case kinds.RolloutDecided():
            return Decision(state, _judged(state.rollout, payload))
        case kinds.RolloutRequested(action=kinds.RolloutAction.RETIRE):
            return _retire(state, payload, now)
        case kinds.RolloutRequested() if state.rollout is not None:
            return Decision(state, _steered(state.model, state.rollout, payload))
        case kinds.RolloutRequested():
            return _begin_by_hand(state, payload, deadline)
        case kinds.TimerDue(owner=owner) if owner != FUNCTION:
            raise Rejected(f"the timer is that of {owner}, not of {FUNCTION}")
    return Decision(state, state.rollout)


def first_phase(
    state: ModelState, version: int, deadline: datetime, *, at_once: bool = False
) -> RolloutState:
    """Return the rollout of a version that begins now: its first phase, or a replacement.

    Raises: Rejected when the version is not registered.
    """
    if version not in state.versions:
        name = f"{state.model}/v{version}"
        raise Rejected(f"{name} is not registered: only a version that was trained is served")
    champion, policy = state.champion(without=version), state.policy
    phases: tuple[str, ...] = tuple(policy.phases)
    percent = policy.canary_percent
    phase, why = Phase.REPLACE, "there is no champion" if champion is None else "rollout.phases is []"
    if at_once:
        why = "a person asked for it"
    elif champion is not None and phases:
        phase, why = Phase(phases[0]), "rollout.phases"
        if state.harmed == champion:
            why = f"labels had proven that v{champion} does harm when v{version} was trained"
            if policy.harm == "immediate" and state.former_can_watch:
                phase, phases = Phase.PROBATION, (Phase.PROBATION.value,)
            elif policy.harm == "immediate":
                why += "; on this platform no version before can watch"
            else:
                why += "; rollout.harm is phased"
    return RolloutState(version, champion, phase, deadline, phases=phases, percent=percent, reason=why)


def _approved(state: ModelState, payload: kinds.ModelApproved, deadline: datetime) -> Decision:
    version, by_person = payload.version, payload.verdict is None
    if state.outdated and not by_person:
        why = "the model was retired after its training had begun; "
        return _declined(state, version, f"{why}a person may say: kascade promote {state.model} {version}")
    if state.is_rejected(version) and not by_person:
        return _declined(state, version, "a person rejected it before its rollout had begun")
    rollout, champion, queued = first_phase(state, version, deadline), state.champion(), state.queued
    active = state.rollout.version if state.rollout else None
    match admit(version, champion=champion, active=active, queued=queued, by_person=by_person):
        case Admission.START:
            return Decision(state, rollout, begins=True)
        case Admission.QUEUE:
            overtaken = ((queued, f"v{version} came before its turn"),) if queued is not None else ()
            under_way = _cut_short(state, version)
            return Decision(state, under_way, queue=version, declined=overtaken)
        case Admission.SUPERSEDED:
            newest = max(champion or 0, active or 0, queued or 0)
            return _declined(state, version, f"v{newest} came before its turn")
        case Admission.CHAMPION if by_person:
            raise _champion_already(state.model, version)
    return Decision(state, state.rollout)


def _recalled(state: ModelState, payload: kinds.ModelRecalled, deadline: datetime) -> Decision:
    """Roll a former champion out again, unless another version serves or waits meanwhile.

    A shadow or canary ends for it, as what is tried there would be held against a champion that is shown to
    be worse. The call comes again while it holds, so the former champion's rollout begins with the next.
    """
    if state.queued is not None or payload.version not in state.versions:
        return Decision(state, state.rollout)
    if state.champion() != payload.champion_version or payload.version == payload.champion_version:
        return Decision(state, state.rollout)
    if state.rollout is not None:
        return Decision(state, _ended_for(state.rollout, payload))
    found = first_phase(replace(state, harmed=payload.champion_version), payload.version, deadline)
    return Decision(state, replace(found, reason=payload.message), begins=True)


def _ended_for(rollout: RolloutState, payload: kinds.ModelRecalled) -> RolloutState:
    """End a shadow or canary of another version for a former champion; a person's pause is kept."""
    tried = rollout.phase in (Phase.SHADOW, Phase.CANARY) and rollout.version != payload.version
    if not tried or not rollout.announced or rollout.verdict is not None or rollout.paused:
        return rollout
    return after(rollout, Verdict(kinds.RolloutOutcome.INCONCLUSIVE, payload.message, final=True))


def _cut_short(state: ModelState, version: int) -> RolloutState | None:
    """End a rollout for a newer version, where it need not wait for the end.

    On probation what serves was not shown to be worse, so it is the champion. In another phase it is not
    tried on beside a champion that does harm while a version that answers the harm can serve at once.
    """
    rollout = state.rollout
    if rollout is None or not rollout.announced or rollout.verdict is not None or rollout.paused:
        return rollout
    if rollout.phase is Phase.PROBATION:
        message = f"it was not shown to be worse before v{version} was approved"
        return after(rollout, Verdict(kinds.RolloutOutcome.PROMOTED, message, final=True))
    next_one = first_phase(state, version, rollout.deadline)
    if next_one.phase is not Phase.PROBATION or rollout.phase not in (Phase.SHADOW, Phase.CANARY):
        return rollout
    message = (
        f"labels prove that v{rollout.champion} does harm, and v{version}, trained since, serves at once"
    )
    return after(rollout, Verdict(kinds.RolloutOutcome.INCONCLUSIVE, message, final=True))


def _declined(state: ModelState, version: int, why: str) -> Decision:
    return Decision(state, state.rollout, declined=((version, why),))


def _champion_already(model: str, version: int) -> Rejected:
    return Rejected(f"{model}/v{version} is champion already")


def _judged(rollout: RolloutState | None, payload: kinds.RolloutDecided) -> RolloutState | None:
    """Take the judge's verdict, unless it is about another version or phase, or one was taken before."""
    if rollout is None or rollout.version != payload.version or rollout.phase.value != payload.phase.value:
        return rollout
    if rollout.verdict is not None or not rollout.announced:
        return rollout
    return after(rollout, Verdict(payload.outcome, payload.message))


def after(rollout: RolloutState, verdict: Verdict) -> RolloutState:
    """Return the rollout after a verdict: its next phase, or its end. While paused the verdict is held."""
    if rollout.paused and not verdict.final:
        return replace(rollout, verdict=verdict)
    onward = verdict.outcome is kinds.RolloutOutcome.PROMOTED and not verdict.final
    if onward and rollout.phase is Phase.SHADOW and Phase.CANARY.value in rollout.phases:
        return replace(rollout, phase=Phase.CANARY, announced=False, verdict=None)
    return replace(rollout, paused=False, verdict=verdict)


def _steered(model: str, rollout: RolloutState, payload: kinds.RolloutRequested) -> RolloutState:
    """Return a rollout under way after a person's request about it."""
    if rollout.phase is Phase.RETIRE:
        raise Rejected(f"{model} is being retired")
    if payload.version not in (None, rollout.version):
        raise Rejected(f"{model}/v{rollout.version} is being rolled out, not v{payload.version}")
    match payload.action:
        case kinds.RolloutAction.PAUSE:
            return replace(rollout, paused=rollout.verdict is None or rollout.paused)
        case kinds.RolloutAction.RESUME:
            if not rollout.paused:
                raise Rejected(f"the rollout of {model}/v{rollout.version} is not paused")
            resumed = replace(rollout, paused=False, verdict=None)
            return after(resumed, rollout.verdict) if rollout.verdict else resumed
        case kinds.RolloutAction.PROMOTE:
            outcome = kinds.RolloutOutcome.PROMOTED
        case _:
            outcome = kinds.RolloutOutcome.ROLLED_BACK
    return after(rollout, Verdict(outcome, _requested_by(payload), final=True))


def _begin_by_hand(state: ModelState, payload: kinds.RolloutRequested, deadline: datetime) -> Decision:
    """Begin what a person asks for while no rollout is under way."""
    model, champion, version = state.model, state.champion(), payload.version
    match payload.action:
        case kinds.RolloutAction.PROMOTE if version is not None:
            if version == champion:
                raise _champion_already(model, version)
            return Decision(state, first_phase(state, version, deadline, at_once=True), begins=True)
        case kinds.RolloutAction.PROMOTE:
            raise Rejected(f"no version of {model} is being rolled out: say which one to promote")
        case kinds.RolloutAction.ROLL_BACK:
            previous = state.champion(without=champion)
            if champion is None or previous is None:
                raise Rejected(f"there is no version of {model} to go back to")
            if version not in (None, champion):
                raise Rejected(f"v{champion} of {model} serves, not v{version}")
            rollout = first_phase(state, previous, deadline, at_once=True)
            return Decision(state, replace(rollout, champion=champion, phase=Phase.ROLLBACK), begins=True)
    raise Rejected(f"no version of {model} is being rolled out")


def _retire(state: ModelState, payload: kinds.RolloutRequested, now: datetime) -> Decision:
    """Take the model out of service; a rollout under way ends with that, whatever it has come to."""
    rollout, champion = state.rollout, state.champion()
    if payload.version is not None:
        raise Rejected("a model is retired as a whole: leave the version out")
    if rollout is not None and rollout.phase is Phase.RETIRE:
        return Decision(state, rollout)
    if rollout is None and state.retired_at is not None:
        raise Rejected(f"{state.model} is retired already")
    going = rollout.version if rollout is not None and rollout.phase is not Phase.ROLLBACK else None
    newest = max(state.versions, default=None)
    version = next((each for each in (going, champion, newest) if each is not None), None)
    if version is None:
        raise Rejected(f"no version of {state.model} is registered: there is nothing to retire")
    verdict = Verdict(kinds.RolloutOutcome.RETIRED, _requested_by(payload), final=True)
    queued = ((state.queued, "the model is retired"),) if state.queued is not None else ()
    retirement = RolloutState(version, champion, Phase.RETIRE, now, verdict=verdict)
    return Decision(state, retirement, begins=True, declined=queued)


def _requested_by(payload: kinds.RolloutRequested) -> str:
    return f"asked for by {payload.requested_by}" + (f": {payload.comment}" if payload.comment else "")
