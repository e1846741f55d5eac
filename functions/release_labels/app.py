"""Builds the application of release_labels; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_event_app
from eventing.catalogue import FeedbackJoined, PerformanceDegraded
from eventing.store import S3Store, Store
from functions.release_labels.handler import Handler
from functions.release_labels.logic import FUNCTION
from functions.release_labels.settings import Settings
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
    engine = deps.engine
    return create_event_app(
        Handler(session_factory(engine), deps.store, deps.clock),
        name=FUNCTION,
        accepts={FeedbackJoined.type: FeedbackJoined, PerformanceDegraded.type: PerformanceDegraded},
        ready=lambda: check_migrated(engine),
    )
