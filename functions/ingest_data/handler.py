"""An object was dropped: a model.yaml, a data file, or something else. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass

from eventing.catalogue import ObjectRecord
from eventing.event import Event
from functions.ingest_data.drop import RAW, read_drop
from functions.ingest_data.keys import DataFile, Ignored, Misplaced, SpecFile, read_key
from functions.ingest_data.refusal import FileRefused
from functions.ingest_data.take_data import take_data
from functions.ingest_data.take_spec import take_spec
from functions.ingest_data.workplace import FUNCTION, Workplace, note, rejection
from functions.state.handled import write_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    place: Workplace

    def __call__(self, event: Event, record: ObjectRecord) -> list[Event]:
        """Say what came of the object."""
        drop = read_drop(event, record)
        meaning = read_key(drop.key) if drop.bucket == RAW else Ignored(f"not in the bucket {RAW}")
        match meaning:
            case SpecFile():
                return take_spec(self.place, event, drop, meaning)
            case DataFile():
                return take_data(self.place, event, drop, meaning)
            case Misplaced(model, reason, problem):
                now = self.place.clock()
                refused = rejection(event, drop, model, FileRefused(reason, [problem]), now)
                return write_once(self.place.sessions, FUNCTION, event, lambda session: [refused], now=now)
            case Ignored(why):
                note("ignored", drop, why=why)
                return []
