"""Builds the application of record_events."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing.app import create_app as create_event_app
from eventing.sink import EventSink, sink_from_env
from functions.record_events.dead_letters import DeadLetters
from functions.record_events.handler import Handler
from functions.record_events.logic import FUNCTION
from functions.record_events.notifier import Notifier
from functions.record_events.queries import Queries
from functions.record_events.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

MAX_BODY_BYTES = 16 << 20
"""More than other functions take: what was too large for them comes here as a dead letter."""


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
    sessions, notifier = session_factory(engine), Notifier(settings.max_waiting)
    app = create_event_app(
        Handler(sessions, notifier, deps.clock),
        name=FUNCTION,
        accepts={"*": None},
        sink=deps.sink,
        ready=lambda: check_migrated(engine),
        max_bytes=MAX_BODY_BYTES,
    )
    Queries(settings, sessions, notifier, deps.clock).add_to(app)
    DeadLetters(sessions, deps.sink, deps.clock).add_to(app)
    return app
