"""Builds the application of govern_training."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from functions.govern_training.apply_event import APPLY_BY_PAYLOAD
from functions.govern_training.ended_jobs import JOB_CHANGES
from functions.govern_training.event_context import FUNCTION
from functions.govern_training.handler import Handler
from functions.govern_training.records import spec_in_force
from functions.govern_training.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory
from pipelines.code import code_digest

ACCEPTS: Accepts = {
    **{each.type: each for each in APPLY_BY_PAYLOAD},
    **dict.fromkeys(JOB_CHANGES),
}


def create_app(
    settings: Settings | None = None, *, sink: EventSink | None = None, clock: Clock = utc_now
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = make_engine(settings.database_url)
    digest = settings.code_digest or code_digest()
    return create_event_app(
        Handler(settings, session_factory(engine), spec_in_force, clock, digest),
        name=FUNCTION,
        accepts=ACCEPTS,
        sink=sink or sink_from_env(os.environ),
        ready=partial(check_migrated, engine),
    )
