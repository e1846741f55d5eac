"""Builds the application of detect_drift."""

from __future__ import annotations

import os
from functools import partial

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import DatasetIngested, FeaturesMaterialized, WindowClosed
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from eventing.store import S3Store, Store
from functions.detect_drift.events import FUNCTION
from functions.detect_drift.handler import Handler
from functions.state.database import check_migrated, make_engine, session_factory
from functions.state.settings import Settings

ACCEPTS: Accepts = {each.type: each for each in (WindowClosed, DatasetIngested, FeaturesMaterialized)}


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
    engine = engine or make_engine(settings.database_url)
    pa.set_cpu_count(1)  # requests run beside each other already
    return create_event_app(
        Handler(session_factory(engine), store or S3Store.from_env(os.environ), clock),
        name=FUNCTION,
        accepts=ACCEPTS,
        sink=sink or sink_from_env(os.environ),
        ready=partial(check_migrated, engine),
    )
