"""The JobSink's job: `python -m functions.run_training`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import closing
from types import FrameType

from eventing.environment import SettingsError
from eventing.errors import InvalidEvent
from eventing.logs import configure_logs, handling
from eventing.sink import SinkError, sink_from_env
from eventing.store import S3Store, StoreError
from eventing.tracing import tracing_from_env
from functions.run_training import logic
from functions.run_training.event_file import read_event
from functions.run_training.job import Job
from functions.run_training.settings import Settings
from pipelines.engines import Unavailable
from pipelines.engines.local import LocalEngine
from pipelines.request import RunRequest

log = logging.getLogger("functions.run_training")


def main() -> int:
    """Run the job; return its exit status."""
    configure_logs()
    signal.signal(signal.SIGTERM, _stop)
    try:
        settings = Settings.from_env(os.environ)
        event, approved = read_event(settings.event_path)
        sink = sink_from_env(os.environ)
    except (SettingsError, InvalidEvent, ValueError) as error:
        log.error("%s", error)
        return logic.BAD_EVENT
    request = RunRequest.of(approved)
    tracing = tracing_from_env("run_training", os.environ)
    with (
        closing(tracing),
        tracing.handling(event) as handled,
        handling(event),
        closing(LocalEngine()) as engine,
    ):
        try:
            engine.prepare(request.run_id)  # it loads while the store and the sink are asked
            return Job(settings, S3Store.from_env(os.environ), sink, engine).run(event, request)
        except (StoreError, SinkError, Unavailable) as error:
            log.error("%s; the job is to be tried again", error)
            handled.failed("retry", str(error))
            return logic.RETRY


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that the pipeline is ended and its workspace removed on the way out."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
