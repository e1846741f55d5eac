"""The JobSink's job: `python -m functions.score_batch`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import closing
from types import FrameType

import pyarrow as pa
from pydantic import ValidationError

from eventing.catalogue import S3_CREATED_PREFIX, ObjectRecord
from eventing.environment import SettingsError
from eventing.errors import InvalidEvent, RetryLater
from eventing.event import Event
from eventing.event_file import read_event
from eventing.logs import configure_logs, handling
from eventing.sink import SinkError, sink_from_env
from eventing.store import S3Store, StoreError
from eventing.tracing import tracing_from_env
from functions.score_batch.job import Job
from functions.score_batch.settings import Settings
from functions.state.database import make_engine, session_factory

SUCCESS, RETRY, BAD_EVENT = 0, 1, 2
log = logging.getLogger("functions.score_batch")


def main() -> int:
    """Run the job; return its exit status."""
    configure_logs()
    signal.signal(signal.SIGTERM, _stop)
    pa.set_cpu_count(1)  # more threads would only cost memory
    try:
        settings = Settings.from_env(os.environ)
        event = read_event(settings.event_path)
        record = _record(event)
        sink = sink_from_env(os.environ)
    except (SettingsError, InvalidEvent, ValueError) as error:
        log.error("%s", error)
        return BAD_EVENT
    sessions = session_factory(make_engine(settings.database_url))
    tracing = tracing_from_env("score_batch", os.environ)
    with closing(tracing), tracing.handling(event) as handled, handling(event):
        try:
            Job(settings, S3Store.from_env(os.environ), sessions, sink).run(event, record)
        except (StoreError, SinkError, RetryLater) as error:
            log.error("%s; the job is to be tried again", error)
            handled.failed("retry", str(error))
            return RETRY
    return SUCCESS


def _record(event: Event) -> ObjectRecord:
    """Return what the event says of an object. Raises: InvalidEvent."""
    if not event.type.startswith(S3_CREATED_PREFIX):
        raise InvalidEvent(f"this job handles {S3_CREATED_PREFIX}*, not {event.type}")
    try:
        return ObjectRecord.model_validate(event.data)
    except ValidationError as error:
        raise InvalidEvent(f"the payload is no record of an object: {error}") from error


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that the scratch folder is removed on the way out."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
