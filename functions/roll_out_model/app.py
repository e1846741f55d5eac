"""Builds the application of roll_out_model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing.app import create_app as create_event_app
from eventing.catalogue import PAYLOADS, ModelApproved, RolloutDecided, RolloutRequested, TimerDue
from eventing.sink import EventSink, sink_from_env
from functions.roll_out_model.deployer import Deployer
from functions.roll_out_model.handler import Handler
from functions.roll_out_model.logic import FUNCTION
from functions.roll_out_model.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTED = (ModelApproved.type, RolloutDecided.type, RolloutRequested.type, TimerDue.type)


@dataclass(frozen=True)
class Deps:
    """What the application speaks to."""

    deployer: Deployer
    sink: EventSink
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or _real(settings)
    engine = make_engine(settings.database_url)
    return create_event_app(
        Handler(deps.deployer, session_factory(engine), settings, deps.clock),
        name=FUNCTION,
        accepts={type_: PAYLOADS[type_] for type_ in ACCEPTED},
        sink=deps.sink,
        ready=lambda: check_migrated(engine),
    )


def _real(settings: Settings) -> Deps:
    from functions.roll_out_model.knative_deployer import KnativeDeployer, cluster_api

    return Deps(KnativeDeployer(cluster_api(), settings.serving), sink_from_env(os.environ))
