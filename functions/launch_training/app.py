"""Builds the application of launch_training."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import TimerDue, TrainingApproved, TrainingCompleted, TrainingFailed
from eventing.clock import Clock, utc_now
from eventing.store import S3Store, Store
from functions.launch_training.handler import Handler
from functions.launch_training.logic import FUNCTION, Schedule
from functions.launch_training.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory
from pipelines.engines import TrainingEngine

ACCEPTS: Accepts = {
    each.type: each for each in (TrainingApproved, TrainingCompleted, TrainingFailed, TimerDue)
}


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    engine: TrainingEngine | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    database = make_engine(settings.database_url)
    handler = Handler(
        session_factory(database),
        store or S3Store.from_env(os.environ),
        engine or settings.engine.open(),
        Schedule(settings.deadline),
        settings.allow_code,
        clock,
    )
    return create_event_app(handler, name=FUNCTION, accepts=ACCEPTS, ready=partial(check_migrated, database))
