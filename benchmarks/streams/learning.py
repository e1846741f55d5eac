"""Trains on rows of a stream with the product's own estimators, small ones; the same rows are fitted once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.streams.generating import Stream
from pipelines.estimators import find
from pipelines.estimators.build import predict, train
from pipelines.loss import loss_scale

PARAMETERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "hist_gradient_boosting": {
            "max_iter": 20,
            "learning_rate": 0.3,
            "max_leaf_nodes": 8,
            "max_bins": 32,
            "early_stopping": False,
        },
        "logistic_regression": {"C": 1.0, "max_iter": 200},
    }
)


class Fitted:
    """A model: what it predicts of every row of its stream, and the loss of each, [N]."""

    def __init__(self, predicted: NDArray[Any], losses: NDArray[np.float64]) -> None:
        self.predicted, self.losses = predicted, losses


class Learner:
    """Fits models to rows of one stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._kept: dict[bytes, Fitted] = {}
        self.divided: dict[tuple[float, int, int], tuple[NDArray[np.int64], NDArray[np.int64], str]] = {}
        self.fits = 0
        self.scale = 1.0 if stream.classes else loss_scale(stream.target[:1_000])

    def fit(self, rows: NDArray[np.int64]) -> Fitted:
        """Fit a model to some rows, given by their positions."""
        key = hashlib.blake2b(rows.tobytes(), digest_size=16).digest()
        if key not in self._kept:
            self._kept[key] = self._fit(rows)
        return self._kept[key]

    def _fit(self, rows: NDArray[np.int64]) -> Fitted:
        stream, classes = self.stream, self.stream.classes
        target = stream.target[rows]
        if classes is not None and len(np.unique(target)) < 2:
            predicted = np.zeros((len(stream.target), classes))
            predicted[:, int(target[0])] = 1.0
            return self._scored(predicted)
        estimator = find(stream.family.estimator, stream.family.task)
        assert estimator is not None
        self.fits += 1
        parameters = PARAMETERS[stream.family.estimator]
        with threadpool_limits(1):  # several threads on so few rows mostly wait for each other
            model = train(
                estimator,
                parameters,
                stream.inputs[rows],
                target,
                seed=0,
                balanced=stream.family.balanced,
            )
            return self._scored(predict(model, stream.inputs, classes))

    def _scored(self, predicted: NDArray[np.float64]) -> Fitted:
        target = self.stream.target
        if self.stream.classes is not None:
            return Fitted(predicted, (predicted.argmax(axis=1) != target).astype(np.float64))
        return Fitted(predicted, np.minimum(np.abs(predicted - target) / self.scale, 1.0))
