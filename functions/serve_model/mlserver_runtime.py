"""Serves a model inside MLServer, where Seldon Core 2 loads it: the same answers, and the same log.

For an MLServer that has `kascade[serve-model]` installed beside it. What Seldon loads is a version's folder,
with its `model-settings.json`; the Model's parameters say which file is the approved one. Nothing tells a
copy that Envoy mirrors from a request: log_inferences takes all of a version in its shadow phase for copies.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import orjson
from mlserver import MLModel
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri

from functions.serve_model.app import Deps, log_of, lookup_of
from functions.serve_model.errors import BadRequest, FeatureMissing, FeaturesAway
from functions.serve_model.fetch import fetch_verified
from functions.serve_model.handler import NOTHING, Inference
from functions.serve_model.inference_log import InferenceLog
from functions.serve_model.logic import TakesIds
from functions.serve_model.metrics import Metrics
from functions.serve_model.model import load
from functions.serve_model.settings import from_env
from pipelines.prediction_ids import IdSource, RequestIds

_BELIEVED_S = 86400.0
"""How far the time in a request's id may be off, to be that of the prediction."""
_REQUIRED = ("model", "version", "sha256")


class Kascade(MLModel):  # type: ignore[misc]
    """One version of a model."""

    async def load(self) -> bool:
        """Load the model file if it is the approved one. Raises: what MLServer answers as its reason."""
        given = (self.settings.parameters.extra or {}) if self.settings.parameters else {}
        missing = [name for name in _REQUIRED if not given.get(name)]
        if missing:
            raise MLServerError(f"the Model has no parameter {', '.join(missing)}")
        path = Path(await get_model_uri(self.settings, wellknown_filenames=["model.onnx"])).resolve()
        settings = from_env(
            {
                **os.environ,
                "MODEL_NAME": given["model"],
                "MODEL_VERSION": given["version"],
                "MODEL_SHA256": given["sha256"],
                "MODEL_URI": path.as_uri(),
            }
        )
        data = fetch_verified(settings.uri, settings.sha256, settings.store)
        served = load(data, settings.model, settings.version, settings.sha256, threads=settings.ort_threads)
        deps = Deps()
        lookup = lookup_of(served, settings, deps.clock, Metrics(served.name, served.version))
        self._inference = Inference(served, settings.max_rows, lookup)
        self._ids = IdSource(deps.clock, deps.random_bits)
        self._drain_s = settings.drain_s
        self._log = log_of(served, settings.log)
        if isinstance(self._log, InferenceLog):
            self._log.start()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request of the Open Inference Protocol. Raises: MLServerError for what is wrong in it."""
        began = time.perf_counter()
        body = payload.model_dump_json(exclude_none=True, exclude={"parameters"}).encode()
        try:
            asked = self._inference.read("v2", body)
            lookup, found = self._inference.lookup, NOTHING
            if asked.question is not None and lookup is not None:
                found = await lookup.find(asked.question)
            answer = self._inference.answer(asked, self._ids_of(payload), found)
        except (BadRequest, FeatureMissing, FeaturesAway) as error:
            raise MLServerError(str(error), error.status) from error
        if answer.prediction is not None:
            self._log.note(answer.prediction, time.perf_counter() - began, len(body))
        return InferenceResponse.model_validate(orjson.loads(answer.body))

    async def unload(self) -> bool:
        """Send on what is to be logged."""
        if self._inference.lookup is not None:
            await self._inference.lookup.close()
        self._log.close(self._drain_s)
        return True

    def _ids_of(self, payload: InferenceRequest) -> TakesIds:
        """Take the prediction ids from the request's own id where that is a UUIDv7: a copy has the same."""
        headers: Any = getattr(payload.parameters, "headers", None) or {}
        given = {str(name).lower(): str(value) for name, value in dict(headers).items()}
        try:
            ids = RequestIds(given.get("x-request-id", ""))
        except ValueError:
            return self._ids
        return ids if abs(ids.at.timestamp() - time.time()) < _BELIEVED_S else self._ids
