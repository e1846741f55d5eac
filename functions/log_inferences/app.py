"""Builds the application of log_inferences."""

from __future__ import annotations

import os
from functools import partial

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_event_app
from eventing.catalogue import (
    KSERVE_REQUEST,
    KSERVE_RESPONSE,
    SELDON_REQUEST,
    SELDON_RESPONSE,
    InferenceLogged,
)
from eventing.clock import Clock, utc_now
from eventing.store import S3Store, Store
from functions.log_inferences.handler import Handler
from functions.log_inferences.logic import FUNCTION
from functions.log_inferences.outliers import Outliers
from functions.log_inferences.predictions import Predictions
from functions.log_inferences.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

_LOGGED = (KSERVE_REQUEST, KSERVE_RESPONSE, SELDON_REQUEST, SELDON_RESPONSE)


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    store = store or S3Store.from_env(os.environ)
    engine = engine or make_engine(settings.database_url)
    sessions = session_factory(engine)
    pa.set_cpu_count(1)  # requests run beside each other already
    app = create_event_app(
        Handler(sessions, store, Outliers(), clock),
        name=FUNCTION,
        accepts={InferenceLogged.type: InferenceLogged, **dict.fromkeys(_LOGGED)},
        ready=partial(check_migrated, engine),
        max_bytes=settings.max_bytes,
    )
    Predictions(sessions, store).add_to(app)
    return app
