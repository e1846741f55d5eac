"""The state of launches: which runs are looked after, and when next."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from eventing.catalogue import TrainingApproved
from eventing.errors import RetryLater
from eventing.event import Event
from eventing.payload import read_payload
from functions.launch_training.launching import Progress, Run
from functions.launch_training.logic import FUNCTION, Schedule
from functions.state.launches import Launch, get_launch, launches_of
from functions.state.stored_event import dump_event, load_event
from functions.state.timers import cancel_timer, set_timer
from pipelines.request import RunRequest


def begin(
    session: Session, event: Event, approved: TrainingApproved, now: datetime, busy_until: datetime
) -> Run | None:
    """Take a run in hand, and let those of the model go that it supersedes.

    Raises: RetryLater when another delivery has it in hand: should that one never end, a timer goes on.
    """
    if get_launch(session, approved.run_id, lock=True) is None:
        for other in launches_of(session, approved.model):
            _cancel(session, event, other, now)
        session.add(
            Launch(
                run_id=approved.run_id,
                model=approved.model,
                version=approved.version,
                event=dump_event(event),
                approved_at=now,
                submitted=False,
                cancelled=False,
            )
        )
        session.flush()
    return open_run(session, approved.run_id, now, busy_until)


def open_run(session: Session, run_id: str, now: datetime, busy_until: datetime) -> Run | None:
    """Take a run in hand until a point in time; None: it is over.

    Raises: RetryLater when somebody else has it in hand.
    """
    row = get_launch(session, run_id, lock=True)
    if row is None:
        return None
    if row.busy_until is not None and row.busy_until > now:
        raise RetryLater(f"the run {run_id} is in other hands", after_s=5.0)
    row.busy_until = busy_until
    event = load_event(row.event)
    set_timer(session, FUNCTION, run_id, busy_until, cause=event)
    return Run(
        RunRequest.of(read_payload(event, TrainingApproved)),
        event,
        row.approved_at,
        submitted=row.submitted,
        cancelled=row.cancelled,
    )


def keep(session: Session, progress: Progress, schedule: Schedule, now: datetime) -> list[Event]:
    """Write how a run stands, and when to look again; return what is announced."""
    run_id = progress.run.request.run_id
    row = get_launch(session, run_id, lock=True)
    if row is not None and progress.over:
        session.delete(row)
        cancel_timer(session, FUNCTION, run_id)
    elif row is not None:
        row.submitted, row.error, row.busy_until = progress.run.submitted, progress.error, None
        soon = row.cancelled and not progress.run.cancelled  # it was let go while the engine was asked
        set_timer(
            session,
            FUNCTION,
            run_id,
            now if soon else schedule.next_check(row.approved_at, now),
            cause=load_event(row.event),
        )
    return list(progress.answers)


def close(session: Session, event: Event, run_id: str, *, cancel: bool, now: datetime) -> None:
    """Note that a run has ended, and end it in the engine too when it may still go on there."""
    row = get_launch(session, run_id, lock=True)
    if row is None:
        return
    if cancel:
        _cancel(session, event, row, now)
    else:
        session.delete(row)
        cancel_timer(session, FUNCTION, run_id)


def _cancel(session: Session, event: Event, row: Launch, now: datetime) -> None:
    row.cancelled = True
    set_timer(session, FUNCTION, row.run_id, now, cause=event)
