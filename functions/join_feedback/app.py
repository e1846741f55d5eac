"""Builds the application of join_feedback; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import S3_CREATED_PREFIX, FeedbackReceived, ObjectRecord, TimerDue
from eventing.store import S3Store, Store
from functions.join_feedback.handler import Handler
from functions.join_feedback.logic import FUNCTION
from functions.join_feedback.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    store: Store
    engine: Engine
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(S3Store.from_env(os.environ), make_engine(settings.database_url))
    pa.set_cpu_count(1)  # requests run beside each other already
    engine = deps.engine
    handler = Handler(settings, session_factory(engine), deps.store, deps.clock)
    accepts: Accepts = {
        FeedbackReceived.type: FeedbackReceived,
        S3_CREATED_PREFIX + "*": ObjectRecord,
        TimerDue.type: TimerDue,
    }
    return create_event_app(
        handler,
        name=FUNCTION,
        accepts=accepts,
        ready=lambda: check_migrated(engine),
        max_bytes=8 << 20,
    )
