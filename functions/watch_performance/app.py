"""Builds the application of watch_performance."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask
from sqlalchemy import Engine

from eventing.app import create_app as create_event_app
from eventing.catalogue import FeedbackJoined
from eventing.clock import Clock, utc_now
from eventing.store import S3Store, Store
from functions.state.database import check_migrated, make_engine, session_factory
from functions.state.settings import Settings
from functions.watch_performance.handler import Handler
from functions.watch_performance.logic import FUNCTION
from functions.watch_performance.watch import Watcher


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = engine or make_engine(settings.database_url)
    return create_event_app(
        Handler(Watcher(session_factory(engine), store or S3Store.from_env(os.environ), clock)),
        name=FUNCTION,
        accepts={FeedbackJoined.type: FeedbackJoined},
        ready=partial(check_migrated, engine),
    )
