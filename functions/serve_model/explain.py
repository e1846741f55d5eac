"""Explains answers: what each feature of a row added to one, in a thread that yields to predictions."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from functions.serve_model.errors import BadRequest, NotFound, TooLarge, TooMany
from functions.serve_model.feature_values import Found
from functions.serve_model.handler import Asked, Inference
from functions.serve_model.logic import Prediction
from functions.serve_model.model import Matrix, Model
from functions.serve_model.openapi import MAX_EXPLAINED
from functions.serve_model.responses import Response
from functions.serve_model.shapley import Numbers, contributions

SECONDS = 10.0
WAITING = 4
"""How many requests may wait for the one that is being explained."""
_NICENESS = 10


@dataclass
class Explainer:
    """Explains the answers of one model, one request at a time."""

    inference: Inference
    max_rows: int = MAX_EXPLAINED
    seconds: float = SECONDS
    monotonic_s: Callable[[], float] = time.monotonic
    _asked: int = field(default=0, init=False)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "explain", initializer=_yield_to_others), init=False
    )

    async def answer(self, asked: Asked, found: Found) -> Response:
        """Explain the rows of a request.

        Raises:
            BadRequest: the request is none that could be predicted.
            NotFound: the model's file has no background, since it was made by an earlier release.
            TooLarge: there are too many rows, or they take too long.
            TooMany: others wait already.
        """
        if self.inference.model.background is None:
            raise NotFound("this version cannot be explained: it was made by an earlier release; retrain it")
        if asked.rows > self.max_rows:
            raise TooLarge(f"{asked.rows} rows in one request: at most {self.max_rows} are explained at once")
        if self._asked > WAITING:
            raise TooMany(f"{WAITING} requests wait to be explained already: try again later")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._explain, asked, found)
        finally:
            self._asked -= 1

    def _explain(self, asked: Asked, found: Found) -> Response:
        model, end_s = self.inference.model, self.monotonic_s() + self.seconds

        def check() -> None:
            if self.monotonic_s() > end_s:
                raise TooLarge(f"explaining {asked.rows} rows takes over {self.seconds:g} s: send fewer rows")

        prediction = self.inference.predict(asked, found)
        explanations = explained(model, prediction, check)
        main = prediction.outputs.prediction if model.classes is None else prediction.outputs.label
        answers = [] if main is None else main.tolist()
        form = v1_form if asked.query is None else v2_form
        return Response(
            200, orjson.dumps(form(model, answers, explanations), option=orjson.OPT_SERIALIZE_NUMPY)
        )


def v1_form(
    model: Model, answers: Sequence[Any], explanations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the answer to a v1 request: an object for each row."""
    return {
        "predictions": answers,
        "explanations": explanations,
        "model_name": model.name,
        "model_version": str(model.version),
    }


def v2_form(
    model: Model, answers: Sequence[Any], explanations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the answer to a v2 request: tensors; `contributions` has a column for each of `features`."""
    rows, (main, *_) = len(explanations), [each for each in model.outputs if each.name != "probabilities"]
    names = list(explanations[0]["contributions"]) if rows else []
    contributions = [value for each in explanations for value in each["contributions"].values()]
    version = str(model.version)
    outputs = [
        _tensor(main.name, main.datatype, [rows], answers),
        _tensor("output", "FP64", [rows], [each["output"] for each in explanations]),
        _tensor("base", "FP64", [rows], [each["base"] for each in explanations]),
        _tensor("features", "BYTES", [len(names)], names),
        _tensor("contributions", "FP64", [rows, len(names)], contributions),
    ]
    return {
        "model_name": model.name,
        "model_version": version,
        "parameters": {"model_version": version},
        "outputs": outputs,
    }


def _tensor(name: str, datatype: str, shape: list[int], data: Sequence[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def explained(model: Model, prediction: Prediction, check: Callable[[], None]) -> list[dict[str, Any]]:
    """Return for each row its output, the base, and what each feature that is read adds.

    The output is the number, or the probability of the class that is answered.
    """
    background = model.background
    assert background is not None  # noqa: S101 - who calls it has seen to that
    inputs, encoding = prediction.inputs, model.encoding
    rows = encoding.encode(inputs) if isinstance(inputs, Mapping) else encoding.encode_matrix(inputs)
    names, columns = _columns(model)
    if not names:
        raise BadRequest("the model reads no feature: there is nothing to explain")
    labels = prediction.outputs.label
    found = []
    for place, row in enumerate(rows):
        base, parts, output = contributions(_answer(model), row, background, columns, check)
        which = 0 if labels is None else _position(model, prediction, place)
        one: dict[str, Any] = {} if labels is None else {"class": labels[place : place + 1].tolist()[0]}
        one |= {"output": output[which], "base": base[which]}
        found.append(one | {"contributions": dict(zip(names, parts[:, which].tolist(), strict=True))})
    return found


def _position(model: Model, prediction: Prediction, place: int) -> int:
    """Return the position of a row's class among the probabilities."""
    assert prediction.outputs.label is not None and model.classes is not None  # noqa: S101, PT018
    answered = prediction.outputs.label[place]
    for index, name in enumerate(model.classes):
        if answered == name or str(answered) == str(name):
            return index
    raise BadRequest(f"row {place}: the class {answered!r} is none of the model's")


def _columns(model: Model) -> tuple[Sequence[str], list[slice]]:
    """Return the features that the model reads, and the encoded columns of each."""
    names, columns, start = [], [], 0
    for feature in model.encoding.features:
        if feature.used:
            names.append(feature.name)
            columns.append(slice(start, start + feature.encoder.width))
            start += feature.encoder.width
    return names, columns


def _answer(model: Model) -> Callable[[Matrix], Numbers]:
    def answer(matrix: Matrix) -> Numbers:
        outputs = model.run(matrix)
        values = outputs.prediction if outputs.probabilities is None else outputs.probabilities
        return np.asarray(values, dtype=np.float64).reshape(len(matrix), -1)

    return answer


def _yield_to_others() -> None:
    """Have the system prefer the threads that predict; Linux knows the niceness of a single thread."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    except (AttributeError, OSError):
        return
