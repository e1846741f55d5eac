"""The event that a JobSink lays down as a file."""

from __future__ import annotations

from pathlib import Path

from eventing.catalogue import TrainingApproved
from eventing.codec import STRUCTURED, decode
from eventing.errors import InvalidEvent
from eventing.event import Event


def read_event(path: Path) -> tuple[Event, TrainingApproved]:
    """Read the structured event at `path`, or in the file `event` of the folder `path`.

    Raises: InvalidEvent when there is none, or it is no valid `training.approved`.
    """
    file = path / "event" if path.is_dir() else path
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidEvent(f"the event cannot be read: {error}") from error
    event = decode({"content-type": STRUCTURED}, raw)
    if event.type != TrainingApproved.type:
        raise InvalidEvent(f"this job handles {TrainingApproved.type}, not {event.type}")
    try:
        return event, TrainingApproved.model_validate(event.data)
    except ValueError as error:
        raise InvalidEvent(f"the payload is not that of {TrainingApproved.type}: {error}") from error
