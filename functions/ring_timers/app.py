"""Builds the application of ring_timers."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import create_app as create_event_app
from eventing.catalogue import PING
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from functions.ring_timers.handler import Handler
from functions.ring_timers.logic import FUNCTION
from functions.ring_timers.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory


def create_app(
    settings: Settings | None = None, *, sink: EventSink | None = None, clock: Clock = utc_now
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    sink = sink or sink_from_env(os.environ)
    engine = make_engine(settings.database_url)
    return create_event_app(
        Handler(settings, session_factory(engine), sink, clock),
        name=FUNCTION,
        accepts={PING: None},
        sink=sink,
        ready=partial(check_migrated, engine),
    )
