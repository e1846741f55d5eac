"""Builds the application of evaluate_model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from eventing import catalogue as kinds
from eventing.app import create_app as create_event_app
from eventing.store import S3Store, Store
from functions.evaluate_model.handler import Handler
from functions.evaluate_model.logic import FUNCTION
from functions.evaluate_model.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS = {
    type_: kinds.PAYLOADS[type_]
    for type_ in (kinds.TrainingCompleted.type, kinds.ModelApproved.type, kinds.ModelRejected.type)
}


@dataclass(frozen=True)
class Deps:
    """What the application speaks to."""

    store: Store
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(S3Store.from_env(os.environ))
    engine = make_engine(settings.database_url)
    handler = Handler(settings, session_factory(engine), deps.store, deps.clock)
    return create_event_app(handler, name=FUNCTION, accepts=ACCEPTS, ready=lambda: check_migrated(engine))
