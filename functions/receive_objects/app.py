"""Builds the application of receive_objects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from flask import Flask

from eventing.app import METRICS
from eventing.app import create_app as create_event_app
from eventing.catalogue import PING
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, parse_timeout, sink_from_env
from eventing.store import S3Store, Store
from functions.receive_objects.background import Background
from functions.receive_objects.handler import Handler
from functions.receive_objects.logic import FUNCTION
from functions.receive_objects.metrics import ObjectMetrics
from functions.receive_objects.receiver import Receiver
from functions.receive_objects.settings import Settings
from functions.receive_objects.sweep_throttle import SweepThrottle
from functions.receive_objects.webhook import Webhook
from functions.state.database import check_migrated, make_engine, session_factory

_RETRIES = 1
"""Few attempts: what the sink does not take now, the next sweep sends."""


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    sink: EventSink | None = None,
    clock: Clock = utc_now,
    monotonic_s: Callable[[], float] = time.monotonic,
    later: Callable[[Callable[[], None]], None] | None = None,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    store = store or S3Store.from_env(os.environ)
    sink = sink or sink_from_env(os.environ, retries=_RETRIES)
    claim = timedelta(seconds=(_RETRIES + 1) * parse_timeout(os.environ.get("SINK_TIMEOUT_S", "")) + 10)
    engine = make_engine(settings.database_url)
    metrics = ObjectMetrics()
    receiver = Receiver(session_factory(engine), store, sink, clock, metrics.refusals, claim)
    app = create_event_app(
        Handler(receiver, settings.buckets, SweepThrottle(monotonic_s)),
        name=FUNCTION,
        accepts={PING: None},
        sink=sink,
        ready=partial(check_migrated, engine),
    )
    metrics.register(app.extensions[METRICS].registry)
    later = later or Background()
    webhook = Webhook(receiver, settings.buckets, settings.webhook_token, metrics.records, later)
    app.add_url_rule("/webhook", view_func=webhook, endpoint="webhook", methods=["POST"])
    return app
