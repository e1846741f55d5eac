"""What is counted of labels, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from functions.join_feedback.matching import Fate


class LabelMetrics:
    """Counts labels by model and fate, and says how far behind the present their joining is."""

    def __init__(self) -> None:
        self._labels = Counter(
            "kascade_labels", "Labels, by what became of them.", ("model", "fate"), registry=None
        )
        self._overtaken = Counter(
            "kascade_labels_overtaken",
            "Joined labels whose predictions had counted as without a label.",
            ("model",),
            registry=None,
        )
        self._skewed = Counter(
            "kascade_labels_skewed",
            "Labels whose time lay in the future, or before their prediction.",
            ("model",),
            registry=None,
        )
        self._behind = Gauge(
            "kascade_labels_behind_seconds",
            "Time by which not every label was joined yet, at the last joining.",
            ("model",),
            registry=None,
        )
        self._lag = Gauge(
            "kascade_labels_lag_seconds",
            "Time that labels were on their way to this function at most, lately.",
            ("model",),
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show them in a registry."""
        for each in (self._labels, self._overtaken, self._skewed, self._behind, self._lag):
            registry.register(each)

    def count(self, model: str, counts: Mapping[str, int], behind_s: float, lag_s: float) -> None:
        """Count the labels of one joining.

        Args:
            told: how many of each fate there are, and how many are `overtaken` and `skewed`.
            behind_s: from the time by which every label was joined to the joining.
            lag_s: how long labels were on their way.
        """
        for fate in Fate:
            self._labels.labels(model, fate.value).inc(counts.get(fate.value, 0))
        self._overtaken.labels(model).inc(counts.get("overtaken", 0))
        self._skewed.labels(model).inc(counts.get("skewed", 0))
        self._behind.labels(model).set(behind_s)
        self._lag.labels(model).set(lag_s)
