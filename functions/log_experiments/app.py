"""Builds the application of log_experiments."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import TrainingCompleted, TrainingFailed
from eventing.store import S3Store, Store
from functions.log_experiments.handler import Handler
from functions.log_experiments.logic import FUNCTION
from functions.log_experiments.settings import Settings

ACCEPTS: Accepts = {each.type: each for each in (TrainingCompleted, TrainingFailed)}


def create_app(settings: Settings | None = None, *, store: Store | None = None) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    # MLflow's client reads these at each call. It is the broker that tries again.
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(settings.timeout_s)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    from functions.log_experiments.tracking import Tracking

    tracking = partial(Tracking, settings.tracking_uri, deadline_s=settings.deadline_s)
    handler = Handler(store or S3Store.from_env(os.environ), tracking, settings.prefix)
    return create_event_app(handler, name=FUNCTION, accepts=ACCEPTS)
