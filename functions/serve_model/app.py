"""Builds the application of serve_model; the only place that fetches, loads and wires."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.serve_model.asgi import Application
from functions.serve_model.fetch import fetch_verified
from functions.serve_model.handler import Inference
from functions.serve_model.ids import IdSource
from functions.serve_model.logic import Prediction
from functions.serve_model.metrics import Metrics
from functions.serve_model.model import load
from functions.serve_model.settings import Settings, from_env


@dataclass(frozen=True)
class Deps:
    """What the application takes from the outside world."""

    clock: Callable[[], float] = time.time
    random_bits: Callable[[int], int] = random.Random().getrandbits  # noqa: S311 - ids, not secrets; seeded by the system
    record: Callable[[Prediction], None] | None = None


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Application:
    """Fetch the model, check its digest, load it, and return the ASGI application that serves it.

    Raises: SettingsError, ModelUnavailable.
    """
    settings = settings or from_env(os.environ)
    deps = deps or Deps()
    data = fetch_verified(settings.uri, settings.sha256, settings.store)
    model = load(data, settings.model, settings.version, settings.sha256, threads=settings.ort_threads)
    metrics = Metrics(model.name, model.version)

    def record(prediction: Prediction) -> None:
        metrics.predictions(len(prediction.ids))
        if deps.record is not None:
            deps.record(prediction)

    inference = Inference(model, settings.max_rows, record)
    return Application(inference, IdSource(deps.clock, deps.random_bits), metrics, settings.max_bytes)
