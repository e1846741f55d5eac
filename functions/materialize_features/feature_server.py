"""The client of Feast's feature server. Source: Feast 0.67, sdk/python/feast/feature_server.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import urllib3

from eventing.errors import RetryLater
from functions.materialize_features.logic import batches
from pipelines.features.view import View
from pipelines.values.reading import EPOCH


class ViewUnknown(Exception):
    """The feature store has no such view: it was never applied, or its registry was lost."""


@dataclass(frozen=True)
class Online:
    """What the online store has of N entities.

    Attributes:
        values: [N] of each feature, None where there is none.
        at: [N], to the second: when the row became true; None where there is no row.
    """

    values: Mapping[str, Sequence[Any]]
    at: Sequence[datetime | None]


class FeatureServer(Protocol):
    """An online feature store."""

    def write(self, view: View, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
        """Make rows, each of another entity, the newest of a view, whatever is there.

        Raises:
            ViewUnknown
            RetryLater: it does not answer, or answers that it failed.
        """
        ...

    def read(self, view: View, entities: Mapping[str, Sequence[Any]]) -> Online:
        """Look N entities up, at least one. Raises: as `write`."""
        ...


class FeastServer:
    """Feast's own server.

    Args:
        url: its address.
        timeout_s: how long one answer is waited for; a server that is to be started takes a while.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        # It resets a connection on which it has answered with an error: none is used twice.
        headers = {"Connection": "close"}
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(timeout_s), retries=False, headers=headers)

    def write(self, view: View, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
        """Write rows in batches."""
        integers = [name for name in view.features if kinds[name] == "integer"]
        for batch in batches(rows, integers):
            columns = {name: [plain(row[name]) for row in batch] for name in batch[0]}
            body = {"feature_view_name": view.feast_name, "df": columns, "allow_registry_cache": False}
            self._post("/write-to-online-store", body)

    def read(self, view: View, entities: Mapping[str, Sequence[Any]]) -> Online:
        """Look entities up."""
        body = {
            "features": [f"{view.feast_name}:{name}" for name in view.features],
            "entities": {name: [plain(value) for value in values] for name, values in entities.items()},
            "full_feature_names": True,
        }
        answer = self._post("/get-online-features", body)
        results = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
        found = [results[f"{view.feast_name}__{name}"] for name in view.features]
        values = {name: each["values"] for name, each in zip(view.features, found, strict=True)}
        return Online(values, [_moment(text) for text in found[0]["event_timestamps"]])

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = self._pool.request("POST", f"{self._url}{path}", json=body)
        except urllib3.exceptions.HTTPError as error:
            raise RetryLater(f"the feature server does not answer: {error}", after_s=5) from error
        text = answer.data.decode("utf-8", "replace")
        if answer.status == 404 and "NotFound" in text:
            raise ViewUnknown(text[:300])
        if answer.status != 200:
            raise RetryLater(f"the feature server answers {answer.status}: {text[:300]}", after_s=5)
        return json.loads(text)


def _moment(text: str) -> datetime | None:
    """Read a time to the second, which is as far as each online store keeps it; 1970 stands for none."""
    moment = datetime.fromisoformat(text).replace(microsecond=0)
    return None if moment == EPOCH else moment


def plain(value: Any) -> Any:
    """Return a value as the feature store keeps it: a time as ISO 8601 text.

    It reads the times of a batch in the form of the first: all have microseconds.
    """
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
