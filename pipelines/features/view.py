"""A feature view as plain data: what it is made from, what it holds, and its names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Self

Function = Literal["count", "sum", "mean", "last"]
EVENT_TIMESTAMP, CREATED_TIMESTAMP = "event_timestamp", "created_timestamp"
"""Columns of a view's rows: when a row became true, and when it was learned (which decides between two)."""


@dataclass(frozen=True)
class Window:
    """A feature over a window of time: the rows in (t - length, t].

    Attributes:
        of: the column; None counts rows.
    """

    name: str
    function: Function
    of: str | None
    length: timedelta


@dataclass(frozen=True)
class View:
    """A feature view. Two with the same digest hold the same rows.

    Attributes:
        model: the model that defines it.
        dataset: the model whose ingested rows it is made from; None with a path.
        path: the Parquet files it is made from.
        ttl: how long a row counts; None is for ever.
    """

    model: str
    name: str
    entity: tuple[str, ...] = ()
    timestamp: str = ""
    dataset: str | None = None
    path: str | None = None
    ttl: timedelta | None = None
    fields: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in order."""
        return (*self.fields, *(window.name for window in self.windows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its source that it needs, each once."""
        needed = (*self.entity, self.timestamp, *self.fields, *(each.of for each in self.windows if each.of))
        return tuple(dict.fromkeys(needed))

    @property
    def longest_window(self) -> timedelta:
        """How far back a row's features reach."""
        return max((window.length for window in self.windows), default=timedelta(0))

    @property
    def digest(self) -> str:
        """The SHA-256 of what it says."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def feast_name(self) -> str:
        """Its name in Feast: another definition is another view, so the one in use stays as it is.

        PostgreSQL cuts names after 63 bytes; the name of its table has the project's before it.
        """
        return f"{self.model[:18].replace('-', '_')}_{self.name[:18]}_{self.digest[:10]}"

    @property
    def folder(self) -> str:
        """Where its rows lie in the object store, as Parquet files."""
        return f"s3://features/{self.model}/{self.name}/{self.digest}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is not there is left out."""
        document = {
            "model": self.model,
            "name": self.name,
            "entity": list(self.entity),
            "timestamp": self.timestamp,
            "dataset": self.dataset,
            "path": self.path,
            "ttl_s": None if self.ttl is None else self.ttl.total_seconds(),
            "fields": list(self.fields),
            "windows": [
                {
                    "name": each.name,
                    "function": each.function,
                    "of": each.of,
                    "length_s": each.length.total_seconds(),
                }
                for each in self.windows
            ],
        }
        return {key: value for key, value in document.items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        ttl = document.get("ttl_s")
        return cls(
            model=document["model"],
            name=document["name"],
            entity=tuple(document["entity"]),
            timestamp=document["timestamp"],
            dataset=document.get("dataset"),
            path=document.get("path"),
            ttl=None if ttl is None else timedelta(seconds=ttl),
            fields=tuple(document["fields"]),
            windows=tuple(
                Window(each["name"], each["function"], each.get("of"), timedelta(seconds=each["length_s"]))
                for each in document["windows"]
            ),
        )
