"""Asks a model over HTTP, as an application would, one row at a time over a connection that stays open."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import urllib3

from kascade.system.home import NAMESPACE


class NoPrediction(Exception):
    """The model gave no prediction; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One prediction. `at` is the wall clock when it was asked, `seconds` how long the answer took."""

    prediction_id: str
    version: int
    predicted: Any
    at: float
    seconds: float


class PredictionClient:
    """Asks one model through the gateway. Each thread needs its own.

    Args:
        gateway: base URL of the gateway.
        model: its name.
        service: the Knative Service that serves it, where that is not called like the model.
        timeout_s: how long one answer may take.
    """

    def __init__(self, gateway: str, model: str, *, service: str = "", timeout_s: float = 30) -> None:
        self._url = f"{gateway}/v1/models/{model}:predict"
        host = f"{service or model}.{NAMESPACE}.localhost"
        self._headers = {"Host": host, "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(maxsize=1, timeout=timeout_s, retries=False)

    def predict(self, row: Mapping[str, Any]) -> Answer:
        """Return the prediction for one row of named features. Raises: NoPrediction."""
        at, started = time.time(), time.perf_counter()
        try:
            body = orjson.dumps({"instances": [row]})
            response = self._pool.request("POST", self._url, body=body, headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise NoPrediction(f"{type(error).__name__}: {error}") from error
        seconds = time.perf_counter() - started
        if response.status != 200:
            raise NoPrediction(f"{response.status}: {response.data[:300].decode(errors='replace')}")
        document = orjson.loads(response.data)
        return Answer(
            document["prediction_ids"][0],
            int(document["model_version"]),
            document["predictions"][0],
            at,
            seconds,
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()
