"""Builds the application of notify_people."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial

from flask import Flask

from eventing.app import METRICS, Accepts
from eventing.app import create_app as create_event_app
from eventing.clock import Clock, utc_now
from functions.notify_people.handler import Handler
from functions.notify_people.logic import FUNCTION
from functions.notify_people.metrics import NotificationMetrics
from functions.notify_people.occasions import OCCASIONS
from functions.notify_people.receivers import Receiver, receiver_of
from functions.notify_people.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS: Accepts = {each.payload.type: each.payload for each in OCCASIONS}


def create_app(
    settings: Settings | None = None,
    *,
    receivers: Mapping[str, Receiver] | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # its lines below that name addresses
    if receivers is None:
        receivers = {
            each.name: receiver_of(each, settings.secrets, settings.timeout_s, clock)
            for each in settings.routes.routes
        }
    engine = make_engine(settings.database_url)
    metrics = NotificationMetrics()
    app = create_event_app(
        Handler(settings, receivers, session_factory(engine), clock, metrics),
        name=FUNCTION,
        accepts=ACCEPTS,
        ready=partial(check_migrated, engine),
    )
    metrics.register(app.extensions[METRICS].registry)
    return app
