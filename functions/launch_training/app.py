"""Builds the application of launch_training; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing.app import create_app as create_event_app
from eventing.catalogue import TimerDue, TrainingApproved, TrainingCompleted, TrainingFailed
from eventing.store import S3Store, Store
from functions.launch_training.handler import Handler
from functions.launch_training.logic import FUNCTION, Schedule
from functions.launch_training.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory
from pipelines.engines import TrainingEngine
from pipelines.engines.kubeflow import KubeflowEngine

ACCEPTS = {each.type: each for each in (TrainingApproved, TrainingCompleted, TrainingFailed, TimerDue)}


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    store: Store
    engine: TrainingEngine
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(
        S3Store.from_env(os.environ), KubeflowEngine(settings.connection, settings.surroundings)
    )
    database = make_engine(settings.database_url)
    handler = Handler(
        session_factory(database),
        deps.store,
        deps.engine,
        Schedule(settings.deadline),
        settings.allow_custom_pipelines,
        deps.clock,
    )
    return create_event_app(handler, name=FUNCTION, accepts=ACCEPTS, ready=lambda: check_migrated(database))
