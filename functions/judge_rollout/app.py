"""Builds the application of judge_rollout; the only place that builds its clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from flask import Flask
from sqlalchemy import Engine

from eventing import catalogue as c
from eventing.app import create_app as create_event_app
from eventing.store import S3Store, Store
from functions.judge_rollout.handler import Handler
from functions.judge_rollout.rollouts import FUNCTION
from functions.judge_rollout.settings import Settings
from functions.state.database import check_migrated, make_engine, session_factory

ACCEPTS = {
    type_: c.PAYLOADS[type_]
    for type_ in (
        c.RolloutStarted.type,
        c.RolloutAdvanced.type,
        c.RolloutCompleted.type,
        c.FeedbackJoined.type,
        c.TimerDue.type,
    )
}


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    store: Store
    engine: Engine
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Build the application; without arguments, from the environment."""
    settings = settings or Settings.from_env(os.environ)
    deps = deps or Deps(S3Store.from_env(os.environ), make_engine(settings.database_url))
    pa.set_cpu_count(1)  # requests run beside each other already
    engine = deps.engine
    handler = Handler(session_factory(engine), deps.store, deps.clock)
    return create_event_app(handler, name=FUNCTION, accepts=ACCEPTS, ready=lambda: check_migrated(engine))
