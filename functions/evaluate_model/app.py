"""Builds the application of evaluate_model."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import FeedbackJoined, ModelApproved, ModelRejected, TrainingCompleted
from eventing.clock import Clock, utc_now
from eventing.store import S3Store, Store
from functions.evaluate_model.handler import Handler
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS: Accepts = {
    each.type: each for each in (TrainingCompleted, ModelApproved, ModelRejected, FeedbackJoined)
}


def create_app(
    settings: Settings | None = None, *, store: Store | None = None, clock: Clock = utc_now
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = make_engine(settings.database_url)
    return create_event_app(
        Handler(settings, session_factory(engine), store or S3Store.from_env(os.environ), clock),
        name=FUNCTION,
        accepts=ACCEPTS,
        ready=partial(check_migrated, engine),
    )
