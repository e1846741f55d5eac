"""An object was dropped: a model.yaml, a data file, or something else. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass

from eventing.catalogue import ObjectRecord, Unchanged
from eventing.event import Event
from functions.data_files.object_keys import (
    RAW,
    CodeFile,
    DataFile,
    Ignored,
    Misplaced,
    SpecFile,
    classify_key,
    object_of,
)
from functions.data_files.refusal import FileRefused
from functions.ingest_data.context import FUNCTION, Context, dataset_rejected, log, unchanged
from functions.ingest_data.ingest_file import ingest_file
from functions.ingest_data.register_spec import register_spec
from functions.state.handled import write_once


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    context: Context

    def __call__(self, event: Event, record: ObjectRecord) -> list[Event]:
        """Answer with what came of the object."""
        dropped = object_of(event, record)
        kind = classify_key(dropped.key) if dropped.bucket == RAW else Ignored(f"not in the bucket {RAW}")
        match kind:
            case SpecFile(model) | CodeFile(model):
                return register_spec(self.context, event, dropped, model)
            case DataFile():
                return ingest_file(self.context, event, dropped, kind)
            case Misplaced(model, reason, problem):
                now = self.context.clock()
                refused = dataset_rejected(event, dropped, model, FileRefused(reason, [problem]), now)
                return write_once(self.context.sessions, FUNCTION, event, lambda session: [refused], now=now)
            case Ignored(why) if dropped.bucket == RAW and not dropped.key.endswith("/"):
                model, now = dropped.key.partition("/")[0], self.context.clock()
                passed = unchanged(event, dropped, model, Unchanged.IGNORED, f"it is {why}", now)
                return write_once(self.context.sessions, FUNCTION, event, lambda session: [passed], now=now)
            case Ignored(why):
                log("ignored", dropped, why=why)
                return []
