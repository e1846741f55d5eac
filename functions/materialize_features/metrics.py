"""What is measured of views."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from eventing.catalogue import CheckedView
from functions.materialize_features.materialize import Done

_VIEW = ("model", "view")


class FeatureMetrics:
    """Rows written, how old the newest one is, and what the last check found."""

    def __init__(self) -> None:
        self._rows = Counter(
            "kascade_feature_rows", "Rows written to the offline store.", _VIEW, registry=None
        )
        self._entities = Counter(
            "kascade_feature_entities", "Entities written to the online store.", _VIEW, registry=None
        )
        self._age = Gauge(
            "kascade_feature_age_seconds",
            "Age of the newest value at the last update.",
            _VIEW,
            registry=None,
        )
        self._nulls = Gauge(
            "kascade_feature_nulls_share",
            "Greatest share of missing values last written.",
            _VIEW,
            registry=None,
        )
        self._checked = Gauge(
            "kascade_feature_checked_entities", "Entities last compared.", _VIEW, registry=None
        )
        self._differing = Gauge(
            "kascade_feature_differing_entities",
            "Entities among them that differ online.",
            _VIEW,
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Have them shown with what a registry has."""
        shown = (self._rows, self._entities, self._age, self._nulls, self._checked, self._differing)
        for each in shown:
            registry.register(each)

    def materialized(self, done: Done, now: datetime) -> None:
        """Note what came of a task."""
        if not done.changed:
            return
        labels = (done.task.view.model, done.task.view.name)
        self._rows.labels(*labels).inc(done.rows)
        if done.online:
            self._entities.labels(*labels).inc(done.entities)
        if done.newest is not None:
            self._age.labels(*labels).set((now - done.newest).total_seconds())
        if done.entities:
            self._nulls.labels(*labels).set(max(done.nulls.values(), default=0) / done.entities)

    def checked(self, model: str, found: CheckedView) -> None:
        """Note what a check found."""
        self._checked.labels(model, found.view).set(found.entities)
        self._differing.labels(model, found.view).set(found.differing)
