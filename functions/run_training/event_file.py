"""The event that the job acts on."""

from __future__ import annotations

from pathlib import Path

from eventing import event_file
from eventing.catalogue import TrainingApproved
from eventing.errors import InvalidEvent
from eventing.event import Event


def read_event(path: Path) -> tuple[Event, TrainingApproved]:
    """Read the event that the JobSink laid down.

    Raises: InvalidEvent when there is none, or it is no valid `training.approved`.
    """
    event = event_file.read_event(path)
    if event.type != TrainingApproved.type:
        raise InvalidEvent(f"this job handles {TrainingApproved.type}, not {event.type}")
    try:
        return event, TrainingApproved.model_validate(event.data)
    except ValueError as error:
        raise InvalidEvent(f"the payload is not that of {TrainingApproved.type}: {error}") from error
