"""Writes what became of a rollout: facts, the row, the next timer, and the events that answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.catalogue import RolloutOutcome
from eventing.event import Event, answer
from functions.roll_out_model.deployer import version_name
from functions.roll_out_model.logic import FUNCTION, Hold, Promote, RollBack, Wait
from functions.roll_out_model.platform import Progress
from functions.roll_out_model.rollout_state import ModelState, Phase, RolloutState
from functions.roll_out_model.settings import Settings
from functions.state.rollouts import RolloutRow
from functions.state.stored_event import load_event
from functions.state.timers import set_timer
from functions.state.versions import Fact, record_fact

_PERCENT = {Phase.PROBATION: 100}
_PAIRED = (Phase.SHADOW, Phase.PROBATION)

_log = logging.getLogger("kascade.roll_out_model")


@dataclass
class RolloutWriter:
    """Writes about one model, whose row is locked; collects the events that answer `event`."""

    session: Session
    row: RolloutRow
    state: ModelState
    event: Event
    now: datetime
    settings: Settings
    events: list[Event] = field(default_factory=list)

    def advance(self, rollout: RolloutState, progress: Progress) -> bool:
        """Write how far a rollout came; return whether it has ended."""
        in_place = isinstance(progress.last, Hold) or (rollout.phase is Phase.REPLACE and progress.exists)
        if in_place and not self.row.announced:
            self._announce_phase(rollout)
        elif self._at_once(rollout, progress):
            self._announce_phase(replace(rollout, phase=Phase.REPLACE))
        match progress.last:
            case Wait(reason):
                fields = {"model": self.row.model, "version": rollout.version, "for": reason}
                _log.info("waiting", extra={"fields": fields})
                self.check_after(self.settings.ready_poll)
            case Hold():
                self.check_after(self.settings.watch)
            case Promote():
                self._promoted(rollout, progress.url)
            case RollBack(message):
                self._rolled_back(rollout, message, progress.url)
            case None:
                self._retired(rollout)
        return not isinstance(progress.last, Wait | Hold)

    def check_after(self, pause: timedelta) -> None:
        """Set the timer that takes the rollout on, in the chain of its approval."""
        cause = load_event(self.row.approval) if self.row.approval else self.event
        set_timer(self.session, FUNCTION, self.row.model, self.now + pause, cause=cause)

    def decline(self, version: int, why: str) -> None:
        """Record that a version was approved and is not rolled out, without a verdict on it."""
        self._facts(version, Fact.INCONCLUSIVE)
        message = f"v{version} is not rolled out: {why}"
        self._complete(version, RolloutOutcome.INCONCLUSIVE, message, self.state.champion())

    def _at_once(self, rollout: RolloutState, progress: Progress) -> bool:
        """Say whether a version got all traffic before its first phase was set up, as without a champion."""
        promoted = isinstance(progress.last, Promote) and rollout.phase is not Phase.ROLLBACK
        return promoted and self.row.started_at is None

    def _announce_phase(self, rollout: RolloutState) -> None:
        """Say once that a phase is set up, or that a replacement exists."""
        first = self.row.started_at is None
        self.row.announced, self.row.started_at = True, self.row.started_at or self.now
        fields: dict[str, Any] = {
            "model": self.row.model,
            "version": rollout.version,
            "champion_version": rollout.champion,
            "phase": rollout.phase.value,
            "revision": self._name(rollout.version),
            "percent": rollout.percent if rollout.phase is Phase.CANARY else _PERCENT.get(rollout.phase, 0),
        }
        if rollout.phase is Phase.PROBATION:
            self._facts(rollout.version, Fact.DEPLOYED, Fact.PROBATION)
        if first:
            replaces = rollout.phase is Phase.REPLACE
            phases = [] if replaces else [kinds.RolloutPhase(phase) for phase in rollout.phases]
            shadow = self._logged_shadow() if rollout.phase in _PAIRED else None
            started = kinds.RolloutStarted(
                **fields, phases=phases, reason=rollout.reason, logged_shadow=shadow
            )
            self._answer(rollout.version, started)
        else:
            self._answer(rollout.version, kinds.RolloutAdvanced(**fields))

    def _logged_shadow(self) -> kinds.LoggedShadow | None:
        """Return what the approval says that the version answered to logged requests."""
        approval = load_event(self.row.approval) if self.row.approval else self.event
        by_gate = approval.source == kinds.source_of("evaluate_model") and isinstance(approval.data, Mapping)
        found = approval.data.get("logged_shadow") if by_gate else None
        return None if found is None else kinds.LoggedShadow.model_validate(found)

    def _promoted(self, rollout: RolloutState, url: str | None) -> None:
        version, name = rollout.version, self._name(rollout.version)
        if rollout.phase is Phase.ROLLBACK and rollout.champion is not None:
            ended, outcome, message = (
                rollout.champion,
                RolloutOutcome.ROLLED_BACK,
                f"{name} has all traffic again",
            )
            self._facts(ended, Fact.ROLLED_BACK)
        else:
            ended, outcome, message = version, RolloutOutcome.PROMOTED, f"{name} is ready and has all traffic"
            deployed = _serves(rollout)
            self._facts(ended, *(() if deployed else (Fact.DEPLOYED,)), Fact.PROMOTED)
        if rollout.in_force is not None:
            message += f": {rollout.in_force.message}"
        self._complete(ended, outcome, message, version, url)

    def _rolled_back(self, rollout: RolloutState, message: str, url: str | None) -> None:
        version, champion, verdict = rollout.version, rollout.champion, rollout.in_force
        outcome, fact = RolloutOutcome.ROLLED_BACK, Fact.ROLLED_BACK
        if verdict is not None and verdict.outcome is RolloutOutcome.INCONCLUSIVE:
            outcome, fact = RolloutOutcome.INCONCLUSIVE, Fact.INCONCLUSIVE
            message += f"; a person may still say: kascade promote {self.row.model} {version}"
        self._facts(version, fact)
        if champion is not None:
            again = "has all traffic again" if _serves(rollout) else "keeps the traffic"
            message += f"; {self._name(champion)} {again}"
        self._complete(version, outcome, message, champion, url if champion is not None else None)

    def _retired(self, rollout: RolloutState) -> None:
        """Record that the model is out of service; a challenger's rollout ends without a verdict."""
        reason = rollout.verdict.message if rollout.verdict else ""
        last = rollout.version if rollout.champion is None else rollout.champion
        if last != rollout.version:
            self.decline(rollout.version, f"the model is retired, {reason}")
        self._facts(last, Fact.RETIRED)
        message = f"the model is out of service, {reason}; what is approved from now on serves at once"
        self._complete(last, RolloutOutcome.RETIRED, message)

    def _facts(self, version: int, *facts: Fact) -> None:
        for fact in facts:
            record_fact(self.session, self.row.model, version, fact, self.event.id, self.now)

    def _complete(
        self,
        version: int,
        outcome: RolloutOutcome,
        message: str,
        champion: int | None = None,
        url: str | None = None,
    ) -> None:
        completed = kinds.RolloutCompleted(
            model=self.row.model,
            version=version,
            outcome=outcome,
            champion_version=champion,
            message=message,
            url=url,
        )
        self._answer(version, completed)

    def _answer(self, version: int, payload: kinds.Payload) -> None:
        source, subject = kinds.source_of(FUNCTION), f"{self.row.model}/v{version}"
        self.events.append(answer(self.event, payload.type, source, subject, payload, now=self.now))

    def _name(self, version: int) -> str:
        return version_name(self.row.model, version)


def _serves(rollout: RolloutState) -> bool:
    """Say whether the version that is rolled out has all traffic already."""
    return rollout.phase is Phase.PROBATION and rollout.announced
