"""Conducts rollouts: what an event asks for, what is done on the platform, what is recorded of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from eventing.catalogue import ModelApproved, TimerDue
from eventing.errors import Rejected, RetryLater
from eventing.event import Event
from functions.roll_out_model import records
from functions.roll_out_model.advance import Progress, advance
from functions.roll_out_model.deployer import Deployer
from functions.roll_out_model.logic import FUNCTION, Place, Promote, RollBack, Rollout, Wait, place_of
from functions.roll_out_model.records import Moment, Scene
from functions.state.rollouts import RolloutRow, lock_rollout
from functions.state.stored_event import dump_event

_log = logging.getLogger("kascade.roll_out_model")


@dataclass(frozen=True)
class Plan:
    """What an event asks for in the scene as read: a place for an approved version, or None: to go on."""

    scene: Scene
    place: Place | None
    version: int | None
    rollout: Rollout | None


@dataclass(frozen=True)
class Done:
    """A plan, and how far its rollout came on the platform."""

    plan: Plan
    progress: Progress | None


@dataclass(frozen=True)
class Conduct:
    """The steps between an event and its answers. `ready_poll` is the pause between two looks."""

    deployer: Deployer
    ready_deadline: timedelta
    ready_poll: timedelta

    def plan(self, session: Session, scene: Scene, payload: ModelApproved | TimerDue, moment: Moment) -> Plan:
        """Decide what the event asks for. Raises: Rejected: not registered, or another's timer."""
        if isinstance(payload, TimerDue):
            if payload.owner != FUNCTION:
                raise Rejected(f"the timer is that of {payload.owner}, not of {FUNCTION}")
            return Plan(scene, None, None, scene.rollout)
        version = payload.version
        begun = records.new_rollout(session, scene.model, version, moment.now + self.ready_deadline)
        if begun is None:
            raise Rejected(
                f"{scene.model}/v{version} is not registered: only a version that was trained is served"
            )
        place = place_of(version, scene.standing, by_person=payload.verdict is None)
        return Plan(scene, place, version, begun if place is Place.START else None)

    def carry_out(self, plan: Plan, moment: Moment) -> Done:
        """Take the rollout as far as it goes now, outside of any transaction."""
        return Done(plan, advance(self.deployer, plan.rollout, moment) if plan.rollout else None)

    def record(self, session: Session, done: Done, moment: Moment) -> list[Event]:
        """Write what was done; return the events that tell of it.

        Raises: RetryLater when the state is no longer what the plan was made by.
        """
        plan = done.plan
        row = lock_rollout(session, plan.scene.model)
        if row.seq != plan.scene.seq:
            raise RetryLater(f"another event about the rollout of {plan.scene.model} was handled meanwhile")
        row.seq += 1
        events: list[Event] = []
        match plan.place, plan.version:
            case Place.SUPERSEDED, int(version):
                events.append(self._superseded(session, plan.scene, version, moment))
            case Place.QUEUE, int(version):
                events += self._queue(session, row, version, moment)
            case Place.START, int(version):
                records.begin(row, version, moment.event, moment.now + self.ready_deadline)
        if plan.rollout is not None and done.progress is not None:
            events += self._progress(session, row, plan.rollout, done.progress, moment)
        return events

    def _superseded(self, session: Session, scene: Scene, version: int, moment: Moment) -> Event:
        standing = scene.standing
        newest = max(v for v in (standing.champion, standing.active, standing.queued) if v is not None)
        return records.superseded(session, scene.model, version, newest, moment)

    def _queue(self, session: Session, row: RolloutRow, version: int, moment: Moment) -> list[Event]:
        """Let the version wait; the one that waited before gives up its place."""
        before, row.queued_version = row.queued_version, version
        row.queued_approval = dump_event(moment.event)
        return [records.superseded(session, row.model, before, version, moment)] if before else []

    def _progress(
        self, session: Session, row: RolloutRow, rollout: Rollout, progress: Progress, moment: Moment
    ) -> list[Event]:
        events = records.announce(row, rollout, moment) if progress.exists else []
        match progress.last:
            case Wait(reason):
                _log.info("waiting", extra={"fields": {"revision": rollout.wanted.revision, "for": reason}})
                records.look_again(session, row, self.ready_poll, moment)
                return events
            case Promote():
                events.append(records.promoted(session, rollout, progress.url, moment))
            case RollBack(message):
                events.append(records.rolled_back(session, rollout, message, progress.url, moment))
        records.end(session, row, self.ready_deadline, moment)
        return events
