"""Builds the application of roll_out_model."""

from __future__ import annotations

import os
from functools import partial

from flask import Flask

from eventing.app import Accepts
from eventing.app import create_app as create_event_app
from eventing.catalogue import ModelApproved, ModelRecalled, RolloutDecided, RolloutRequested, TimerDue
from eventing.clock import Clock, utc_now
from eventing.sink import EventSink, sink_from_env
from functions.roll_out_model.deployer import Deployer
from functions.roll_out_model.handler import Handler
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.settings import Settings
from functions.roll_out_model.targets import TARGETS
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS: Accepts = {
    each.type: each for each in (ModelApproved, ModelRecalled, RolloutDecided, RolloutRequested, TimerDue)
}


def create_app(
    settings: Settings | None = None,
    *,
    deployer: Deployer | None = None,
    sink: EventSink | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    engine = make_engine(settings.database_url)
    deployer = deployer or TARGETS[settings.deploy_target](settings)
    return create_event_app(
        Handler(deployer, session_factory(engine), settings, clock),
        name=FUNCTION,
        accepts=ACCEPTS,
        sink=sink or sink_from_env(os.environ),
        ready=partial(check_migrated, engine),
    )
