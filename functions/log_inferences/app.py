"""Builds the application of log_inferences; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_event_app
from eventing.catalogue import KSERVE_REQUEST, KSERVE_RESPONSE, InferenceLogged
from eventing.store import S3Store, Store
from functions.log_inferences.handler import Handler
from functions.log_inferences.logic import FUNCTION
from functions.log_inferences.outliers import Outliers
from functions.log_inferences.predictions import Predictions
from functions.log_inferences.settings import Settings
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
    engine, sessions = deps.engine, session_factory(deps.engine)
    app = create_event_app(
        Handler(sessions, deps.store, Outliers(), deps.clock),
        name=FUNCTION,
        accepts={InferenceLogged.type: InferenceLogged, KSERVE_REQUEST: None, KSERVE_RESPONSE: None},
        ready=lambda: check_migrated(engine),
        max_bytes=settings.max_bytes,
    )
    Predictions(sessions, deps.store).add_to(app)
    return app
