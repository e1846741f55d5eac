"""The event that a JobSink lays down as a file for its job."""

from __future__ import annotations

from pathlib import Path

from eventing.codec import STRUCTURED, decode
from eventing.errors import InvalidEvent
from eventing.event import Event


def read_event(path: Path) -> Event:
    """Read the structured event at `path`, or in the file `event` of the folder `path`.

    Raises: InvalidEvent when there is none.
    """
    file = path / "event" if path.is_dir() else path
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InvalidEvent(f"the event cannot be read: {error}") from error
    return decode({"content-type": STRUCTURED}, raw)
