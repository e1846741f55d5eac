"""The port of the online store: the newest row of each entity, looked up when a prediction is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pipelines.features.view import View

Entities = Mapping[str, Sequence[Any]]
"""The entities' columns, each [N]: `{"customer_id": [7, 8]}`."""


class Status(StrEnum):
    """What the store knows of one value."""

    PRESENT = "present"
    MISSING = "missing"
    """The entity is unknown, or its newest row has no value."""
    STALE = "stale"
    """The newest row is older than the view's `ttl`; the value is there all the same."""


@dataclass(frozen=True)
class Feature:
    """One feature of N entities.

    Attributes:
        values: [N]; None where missing.
        timestamps: [N]; when the row became true, None where there is none.
        statuses: [N].
    """

    values: list[Any]
    timestamps: list[datetime | None]
    statuses: list[Status]


class FeatureStoreError(Exception):
    """The base: StoreUnreachable, StoreRefused (ViewUnknown)."""


class StoreUnreachable(FeatureStoreError):
    """It does not answer, not in time, or answers that it is ill: trying again may help."""


class StoreRefused(FeatureStoreError):
    """It answers that what was asked is wrong; the message is its own."""


class ViewUnknown(StoreRefused):
    """It knows no such view: it was never applied, or the server has not read the registry since."""


class FeatureStore(Protocol):
    """An online feature store. Its server is Feast's own; `pipelines.features.memory` is one in memory."""

    def get_online(
        self, views: Sequence[View], entities: Entities, *, timeout_s: float
    ) -> Mapping[str, Feature]:
        """Return every feature of the views, by name, of N entities, in one request.

        Raises:
            StoreUnreachable, StoreRefused, ViewUnknown.
        """
        ...

    def write(self, view: View, rows: Sequence[Mapping[str, Any]], *, timeout_s: float) -> None:
        """Make rows of a view each entity's newest: whatever is there is replaced.

        Args:
            rows: of distinct entities: the entity's columns, both timestamps and every feature.

        Raises:
            StoreUnreachable, StoreRefused, ViewUnknown.
        """
        ...
