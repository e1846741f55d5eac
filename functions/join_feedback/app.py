"""Builds the application of join_feedback."""

from __future__ import annotations

import os
from functools import partial

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import METRICS, Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import S3_CREATED_PREFIX, FeedbackReceived, ObjectRecord, TimerDue
from eventing.clock import Clock, utc_now
from eventing.store import S3Store, Store
from functions.join_feedback.handler import Handler
from functions.join_feedback.logic import FUNCTION
from functions.join_feedback.metrics import LabelMetrics
from functions.join_feedback.receive import keep_labels
from functions.join_feedback.settings import Settings
from functions.join_feedback.together import Together
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS: Accepts = {
    FeedbackReceived.type: FeedbackReceived,
    S3_CREATED_PREFIX + "*": ObjectRecord,
    TimerDue.type: TimerDue,
}


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = engine or make_engine(settings.database_url)
    pa.set_cpu_count(1)  # requests run beside each other already
    metrics = LabelMetrics()
    sessions = session_factory(engine)
    labels = Together(partial(keep_labels, sessions, clock))
    app = create_event_app(
        Handler(settings, sessions, store or S3Store.from_env(os.environ), clock, metrics, labels),
        name=FUNCTION,
        accepts=ACCEPTS,
        ready=partial(check_migrated, engine),
        max_bytes=8 << 20,
    )
    metrics.register(app.extensions[METRICS].registry)
    return app
