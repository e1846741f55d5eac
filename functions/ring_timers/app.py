"""Builds the application of ring_timers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing.app import create_app as create_event_app
from eventing.catalogue import PING
from eventing.sink import EventSink, sink_from_env
from functions.ring_timers.handler import Handler
from functions.ring_timers.logic import FUNCTION
from functions.ring_timers.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory


@dataclass(frozen=True)
class Deps:
    """What the application speaks to."""

    sink: EventSink
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(sink_from_env(os.environ))
    engine = make_engine(settings.database_url)
    handler = Handler(settings, session_factory(engine), deps.sink, deps.clock)
    return create_event_app(
        handler, name=FUNCTION, accepts={PING: None}, sink=deps.sink, ready=lambda: check_migrated(engine)
    )
