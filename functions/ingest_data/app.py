"""Builds the application of ingest_data; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_function_app
from eventing.catalogue import S3_CREATED_PREFIX, ObjectRecord
from eventing.sink import EventSink, sink_from_env
from eventing.store import S3Store, Store
from functions.ingest_data.context import FUNCTION, Context
from functions.ingest_data.handler import Handler
from functions.ingest_data.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    store: Store
    engine: Engine
    sink: EventSink | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application.

    Args:
        settings: from the environment by default.
        deps: real clients by default.

    Raises:
        SettingsError: naming every variable that is missing or wrong.
    """
    settings = settings or Settings.from_env(os.environ)
    if deps is None:
        sink = sink_from_env(os.environ)
        deps = Deps(S3Store.from_env(os.environ), make_engine(settings.database_url), sink)
    pa.set_cpu_count(1)  # requests run beside each other already; more threads only cost memory
    engine = deps.engine
    return create_function_app(
        Handler(Context(deps.store, session_factory(engine), settings, deps.clock)),
        name=FUNCTION,
        accepts={S3_CREATED_PREFIX + "*": ObjectRecord},
        sink=deps.sink,
        ready=lambda: check_migrated(engine),
    )
