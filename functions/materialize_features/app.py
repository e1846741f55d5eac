"""Builds the application of materialize_features."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial

from flask import Flask
from sqlalchemy import Engine

from eventing.app import METRICS, Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import (
    DatasetIngested,
    FeaturesApplied,
    FeaturesPushed,
    FeaturesRequested,
    SpecRegistered,
    TimerDue,
)
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from eventing.store import S3Store, Store
from functions.materialize_features.check import Checking
from functions.materialize_features.feature_server import FeastServer, FeatureServer
from functions.materialize_features.handler import Handler
from functions.materialize_features.logic import FUNCTION
from functions.materialize_features.metrics import FeatureMetrics
from functions.materialize_features.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS: Accepts = {
    each.type: each
    for each in (
        DatasetIngested,
        SpecRegistered,
        FeaturesApplied,
        FeaturesPushed,
        FeaturesRequested,
        TimerDue,
    )
}


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    server: FeatureServer | None = None,
    sink: EventSink | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = engine or make_engine(settings.database_url)
    metrics, sessions = FeatureMetrics(), session_factory(engine)
    store = store or S3Store.from_env(os.environ)
    server = server or FeastServer(settings.feature_server, settings.timeout_s)
    every = timedelta(seconds=settings.check_every_s) or None
    checking = Checking(sessions, store, server, metrics, every)
    handler = Handler(sessions, store, server, clock, metrics, checking)
    app = create_event_app(
        handler,
        name=FUNCTION,
        accepts=ACCEPTS,
        sink=sink or sink_from_env(os.environ),
        ready=partial(check_migrated, engine),
    )
    metrics.register(app.extensions[METRICS].registry)
    return app
