"""Conducts rollouts: what an event asks for, what is done on the platform, what is recorded of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from eventing.catalogue import ModelApproved, TimerDue
from eventing.errors import Rejected
from eventing.event import Event
from functions.roll_out_model import records
from functions.roll_out_model.advance import Progress, advance
from functions.roll_out_model.course import Course, Phase, rollout_of
from functions.roll_out_model.deployer import Deployer, Refused
from functions.roll_out_model.logic import FUNCTION, Hold, Promote, RollBack, Rollout, Wait
from functions.roll_out_model.records import Moment, Scene
from functions.roll_out_model.requests import Change, Payload, change_of
from functions.roll_out_model.settle import Settled, settle
from functions.roll_out_model.withdraw import withdraw
from functions.state.handled import Stale
from functions.state.rollouts import RolloutRow, get_rollout, lock_rollout
from functions.state.stored_event import dump_event, load_event

_OUTDATED = "the model was retired after its training had begun; a person may say: kascade promote {} {}"
_log = logging.getLogger("kascade.roll_out_model")


@dataclass(frozen=True)
class Plan:
    """What an event changes in the scene as read, and what is then wanted of the platform.

    That is what the changed course wants, or, without a rollout under way, what the facts say.
    """

    scene: Scene
    change: Change
    rollout: Rollout | None
    settled: Settled | None

    @property
    def retires(self) -> bool:
        """Whether the model is to be taken out of service."""
        return self.change.course is not None and self.change.course.phase is Phase.RETIRE


@dataclass(frozen=True)
class Done:
    """A plan, how far its rollout came on the platform, and what there is to wait for without one."""

    plan: Plan
    progress: Progress | None = None
    unsettled: Wait | None = None


@dataclass(frozen=True)
class Conduct:
    """The steps between an event and its answers.

    `ready_poll` is the pause between two looks at a rollout under way, `watch` at one whose phase stands.
    """

    deployer: Deployer
    ready_deadline: timedelta
    ready_poll: timedelta
    watch: timedelta

    def plan(self, session: Session, scene: Scene, payload: Payload, moment: Moment) -> Plan:
        """Decide what the event asks for. Raises: Rejected when that cannot be."""
        if isinstance(payload, TimerDue) and payload.owner != FUNCTION:
            raise Rejected(f"the timer is that of {payload.owner}, not of {FUNCTION}")
        before = records.champion_but(session, scene.model, scene.standing.champion)
        deadline = moment.now + self.ready_deadline

        def begin(version: int, at_once: bool) -> Course:
            return _begin(session, scene, version, deadline, at_once=at_once)

        outdated = isinstance(payload, ModelApproved) and records.is_outdated(session, scene, payload.version)
        change = change_of(scene, moment.event, payload, begin, before, moment.now, outdated=outdated)
        if change.course is None:
            return Plan(scene, change, None, records.settled_by(session, scene))
        if change.course.phase is Phase.RETIRE:
            return Plan(scene, change, None, None)
        return Plan(scene, change, _rollout(session, scene, change.course), None)

    def carry_out(self, plan: Plan, moment: Moment) -> Done:
        """Take the rollout as far as it goes now, outside of any transaction.

        Raises: Rejected when the platform will not let a model go whose retirement is asked for now.
        """
        if plan.retires:
            return Done(plan, unsettled=self._withdraw(plan))
        if plan.rollout is not None:
            return Done(plan, advance(self.deployer, plan.rollout, moment))
        return Done(plan, unsettled=settle(self.deployer, plan.settled) if plan.settled else None)

    def _withdraw(self, plan: Plan) -> Wait | None:
        try:
            return withdraw(self.deployer, plan.scene.model)
        except Refused as error:
            if plan.change.approval is not None:
                raise Rejected(f"{plan.scene.model} cannot be retired: {error}") from error
            return Wait(str(error))

    def look_now(self, session: Session, model: str, moment: Moment) -> None:
        """Have a model looked at at once: what was done on the platform may be against the facts."""
        if get_rollout(session, model) is not None:
            records.look_now(session, lock_rollout(session, model), moment)

    def record(self, session: Session, done: Done, moment: Moment) -> list[Event]:
        """Write what was done; return the events that tell of it.

        Raises: Stale when the state is no longer what the plan was made by.
        """
        plan, change = done.plan, done.plan.change
        row = lock_rollout(session, plan.scene.model)
        if row.seq != plan.scene.seq:
            raise Stale(f"another event about the rollout of {plan.scene.model} was handled meanwhile")
        row.seq += 1
        events: list[Event] = []
        if change.superseded is not None:
            events.append(self._superseded(session, plan.scene, change.superseded, moment))
        if change.queue is not None:
            events += self._queue(session, row, change.queue, moment)
        if change.course is not None and plan.rollout is not None and done.progress is not None:
            if change.approval is not None:
                row.approval, row.started_at = dump_event(change.approval), None
            records.write_course(row, change.course)
            events += self._progress(session, row, plan, change.course, done.progress, moment)
        if plan.retires:
            return events + self._retire(session, row, done, moment)
        if done.unsettled is not None:
            records.look_again(session, row, self.watch, moment)
        return events

    def _retire(self, session: Session, row: RolloutRow, done: Done, moment: Moment) -> list[Event]:
        """Record a retirement, or that it goes on; the version that waited for its turn does not begin."""
        change, scene = done.plan.change, done.plan.scene
        if change.course is None:
            return []
        events: list[Event] = []
        if change.approval is not None:
            row.approval, row.started_at = dump_event(change.approval), None
            if (waited := row.queued_version) is not None:
                row.queued_version = row.queued_approval = None
                told = self._not_rolled_out(session, scene.model, waited, "the model is retired", moment)
                events.append(told)
        records.write_course(row, change.course)
        if done.unsettled is not None:
            fields = {"model": scene.model, "for": done.unsettled.reason}
            _log.info("waiting to retire", extra={"fields": fields})
            records.look_again(session, row, self.ready_poll, moment)
            return events
        events += records.retired(session, scene.model, change.course, moment)
        self._end(session, row, scene, moment)
        return events

    def _superseded(self, session: Session, scene: Scene, version: int, moment: Moment) -> Event:
        standing = scene.standing
        if records.is_outdated(session, scene, version):
            why = _OUTDATED.format(scene.model, version)
        else:
            newest = max(v for v in (standing.champion, standing.active, standing.queued) if v is not None)
            why = f"v{newest} came before its turn"
        return self._not_rolled_out(session, scene.model, version, why, moment)

    def _not_rolled_out(self, session: Session, model: str, version: int, why: str, moment: Moment) -> Event:
        return records.not_rolled_out(session, model, version, f"v{version} is not rolled out: {why}", moment)

    def _queue(self, session: Session, row: RolloutRow, version: int, moment: Moment) -> list[Event]:
        """Let the version wait; the one that waited before gives up its place."""
        before, row.queued_version = row.queued_version, version
        row.queued_approval = dump_event(moment.event)
        why = f"v{version} came before its turn"
        return [self._not_rolled_out(session, row.model, before, why, moment)] if before else []

    def _progress(
        self,
        session: Session,
        row: RolloutRow,
        plan: Plan,
        course: Course,
        progress: Progress,
        moment: Moment,
    ) -> list[Event]:
        wanted = plan.rollout.wanted if plan.rollout else None
        if wanted is None:
            return []
        stands = isinstance(progress.last, Hold)
        events: list[Event] = []
        if stands or (course.phase is Phase.REPLACE and progress.exists):
            events += records.announce(row, course, wanted, moment)
        match progress.last:
            case Wait(reason):
                _log.info("waiting", extra={"fields": {"revision": wanted.revision, "for": reason}})
                records.look_again(session, row, self.ready_poll, moment)
                return events
            case Hold():
                records.look_again(session, row, self.watch, moment)
                return events
            case Promote():
                events.append(records.promoted(session, course, wanted, progress.url, moment))
            case RollBack(message):
                told = records.rolled_back(session, course, wanted, message, progress.url, moment)
                events.append(told)
        self._end(session, row, plan.scene, moment)
        return events

    def _end(self, session: Session, row: RolloutRow, scene: Scene, moment: Moment) -> None:
        """End the rollout; the version that waits begins at once, by a timer in its own chain."""
        queued, approval = row.queued_version, row.queued_approval
        records.clear(row)
        if queued is None or approval is None:
            return
        session.flush()
        deadline = moment.now + self.ready_deadline
        row.queued_version = row.queued_approval = None
        row.approval = dump_event(load_event(approval))
        records.write_course(row, records.first_course(session, scene.model, queued, scene.policy, deadline))
        records.look_again(session, row, timedelta(0), moment)


def _begin(session: Session, scene: Scene, version: int, deadline: datetime, *, at_once: bool) -> Course:
    if records.wanted_of(session, scene.model, version) is None:
        raise Rejected(
            f"{scene.model}/v{version} is not registered: only a version that was trained is served"
        )
    return records.first_course(session, scene.model, version, scene.policy, deadline, at_once=at_once)


def _rollout(session: Session, scene: Scene, course: Course) -> Rollout | None:
    wanted = records.wanted_of(session, scene.model, course.version)
    if wanted is None:
        return None
    champion = records.wanted_of(session, scene.model, course.champion)
    return rollout_of(course, wanted, champion)
