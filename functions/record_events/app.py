"""Builds the application of record_events."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import METRICS
from eventing.app import create_app as create_event_app
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from functions.record_events.dead_letters import DeadLetters
from functions.record_events.handler import Handler
from functions.record_events.ledger_metrics import LedgerMetrics
from functions.record_events.logic import FUNCTION
from functions.record_events.notifier import Notifier
from functions.record_events.queries import Queries
from functions.record_events.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

MAX_BODY_BYTES = 16 << 20
"""More than other functions take: what was too large for them comes here as a dead letter."""


def create_app(
    settings: Settings | None = None, *, sink: EventSink | None = None, clock: Clock = utc_now
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    sink = sink or sink_from_env(os.environ)
    engine = make_engine(settings.database_url)
    sessions, notifier = session_factory(engine), Notifier(settings.max_waiting)
    app = create_event_app(
        Handler(sessions, notifier, clock),
        name=FUNCTION,
        accepts={"*": None},
        sink=sink,
        ready=partial(check_migrated, engine),
        max_bytes=MAX_BODY_BYTES,
    )
    app.extensions[METRICS].registry.register(LedgerMetrics(sessions, clock))
    Queries(settings, sessions, notifier, clock).add_to(app)
    DeadLetters(sessions, sink, clock).add_to(app)
    return app
