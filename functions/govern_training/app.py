"""Builds the application of govern_training."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing import catalogue as kinds
from eventing.app import create_app as create_event_app
from eventing.sink import EventSink, sink_from_env
from functions.govern_training.handler import Handler
from functions.govern_training.observe import FUNCTION
from functions.govern_training.records import spec_in_force
from functions.govern_training.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory
from pipelines.code import code_digest

ACCEPTS = {
    type_: kinds.PAYLOADS[type_]
    for type_ in (
        kinds.DatasetIngested.type,
        kinds.TrainingRequested.type,
        kinds.DriftDetected.type,
        kinds.PerformanceDegraded.type,
        kinds.TimerDue.type,
        kinds.TrainingStarted.type,
        kinds.TrainingCompleted.type,
        kinds.TrainingFailed.type,
        kinds.ModelApproved.type,
        kinds.ModelRejected.type,
        kinds.RolloutStarted.type,
        kinds.RolloutCompleted.type,
    )
}


@dataclass(frozen=True)
class Deps:
    """What the application speaks to."""

    sink: EventSink
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(sink_from_env(os.environ))
    engine = make_engine(settings.database_url)
    handler = Handler(
        settings, session_factory(engine), spec_in_force, deps.clock, settings.code_digest or code_digest()
    )
    return create_event_app(
        handler, name=FUNCTION, accepts=ACCEPTS, sink=deps.sink, ready=lambda: check_migrated(engine)
    )
