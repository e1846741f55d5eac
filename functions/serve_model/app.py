"""Builds the application of serve_model; the only place that fetches, loads and wires."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from eventing.bearer import TokenFile
from functions.serve_model.asgi import LOGGED_TYPE, Application
from functions.serve_model.feature_server import FeatureServer
from functions.serve_model.fetch import fetch_verified
from functions.serve_model.handler import Inference
from functions.serve_model.inference_log import InferenceLog, PredictionLog
from functions.serve_model.lookup import Lookup
from functions.serve_model.metrics import Metrics
from functions.serve_model.model import Model, load
from functions.serve_model.posting import Poster
from functions.serve_model.settings import LogSettings, Settings, from_env
from pipelines.prediction_ids import IdSource

# The catalogue's own constants; importing it would cost a cold start its schema classes.
SOURCE = "/kascade/serve_model"


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    clock: Callable[[], float] = time.time
    random_bits: Callable[[int], int] = random.Random().getrandbits  # noqa: S311 - ids, not secrets; seeded by the system
    log: PredictionLog | None = None


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Application:
    """Fetch the model, check its digest, load it, and return the ASGI application that serves it.

    Its log of predictions runs; `Application.close` ends it.

    Raises: SettingsError, ModelUnavailable.
    """
    settings = settings or from_env(os.environ)
    deps = deps or Deps()
    data = fetch_verified(settings.uri, settings.sha256, settings.store)
    model = load(data, settings.model, settings.version, settings.sha256, threads=settings.ort_threads)
    metrics = Metrics(model.name, model.version)
    log = deps.log or log_of(model, settings.log)
    if isinstance(log, InferenceLog):
        metrics.watch_log(log.counts)
        log.start()
    ids = IdSource(deps.clock, deps.random_bits)
    inference = Inference(model, settings.max_rows, lookup_of(model, settings, deps.clock, metrics))
    return Application(inference, ids, metrics, log, settings.max_bytes, settings.tokens)


def lookup_of(
    model: Model, settings: Settings, clock: Callable[[], float], metrics: Metrics
) -> Lookup | None:
    """Return what looks a model's features up; None for one that has none to look up."""
    if model.plan is None:
        return None
    return Lookup(
        model,
        model.plan,
        FeatureServer(settings.feature_server, settings.log.ca_certs),
        max_entities=settings.max_entities,
        clock=clock,
        metrics=metrics.lookups,
    )


def log_of(model: Model, settings: LogSettings) -> PredictionLog:
    """Return the log of a model's predictions; without a sink, one that notes nothing."""
    if settings.sink is None:
        return PredictionLog()
    poster = Poster(
        settings.sink,
        type_=LOGGED_TYPE.decode(),
        source=SOURCE,
        subject=model.subject,
        overrides=settings.overrides,
        ca_certs=settings.ca_certs,
        token=TokenFile(settings.token_file) if settings.token_file else None,
    )
    return InferenceLog(model, poster, settings)
