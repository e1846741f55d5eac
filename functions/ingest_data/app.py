"""Builds the application of ingest_data; the only place that builds its clients."""

from __future__ import annotations

import os
from functools import partial

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_event_app
from eventing.catalogue import S3_CREATED_PREFIX, ObjectRecord
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from eventing.store import S3Store, Store
from functions.ingest_data.context import FUNCTION, Context
from functions.ingest_data.handler import Handler
from functions.ingest_data.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    sink: EventSink | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    store = store or S3Store.from_env(os.environ)
    engine = engine or make_engine(settings.database_url)
    pa.set_cpu_count(1)  # requests run beside each other already; more threads only cost memory
    return create_event_app(
        Handler(Context(store, session_factory(engine), settings, clock)),
        name=FUNCTION,
        accepts={S3_CREATED_PREFIX + "*": ObjectRecord},
        sink=sink or sink_from_env(os.environ),
        ready=partial(check_migrated, engine),
    )
