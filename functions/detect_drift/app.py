"""Builds the application of detect_drift; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing import catalogue as c
from eventing.app import create_app as create_event_app
from eventing.sink import EventSink, sink_from_env
from eventing.store import S3Store, Store
from functions.detect_drift.events import FUNCTION
from functions.detect_drift.handler import Handler
from functions.detect_drift.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS = {type_: c.PAYLOADS[type_] for type_ in (c.WindowClosed.type, c.DatasetIngested.type)}


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    store: Store
    engine: Engine
    sink: EventSink | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    if deps is None:
        sink = sink_from_env(os.environ)
        deps = Deps(S3Store.from_env(os.environ), make_engine(settings.database_url), sink)
    pa.set_cpu_count(1)  # requests run beside each other already
    engine = deps.engine
    handler = Handler(session_factory(engine), deps.store, deps.clock)
    return create_event_app(
        handler, name=FUNCTION, accepts=ACCEPTS, sink=deps.sink, ready=lambda: check_migrated(engine)
    )
