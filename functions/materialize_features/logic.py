"""What is to be done to bring views up to date. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelines.features.view import View

FUNCTION = "materialize_features"
ASK_AGAIN_AFTER = timedelta(minutes=10)
"""A view that was not applied by then is asked for once more: a job may have been lost."""

BATCH_ROWS = 1000
EXACT = 2**53
"""Beyond it a float does not hold each whole number."""


@dataclass(frozen=True)
class Part:
    """A file of a view's source, and when it was learned of."""

    uri: str
    sha256: str | None
    learned_at: datetime


@dataclass(frozen=True)
class Task:
    """One view to bring up to date.

    Attributes:
        current: the model.yaml in force defines it so; otherwise it is kept for versions made with it.
        parts: of its dataset, in order; none of a path, which is listed.
        columns: of its dataset, as the schema describes them.
        start: parts before it are in the offline store already.
        also: the part of the event that is being handled, where it is one of those: its entities are written
            to the online store again, as nobody knows what became of an earlier delivery.
        seen: the files of a path that its rows are made from.
        online: the feature store knows the view.
        version: what changes whenever anybody has written to the view.
        whole: every entity is written to the online store, not only those of new rows.
    """

    view: View
    current: bool
    parts: tuple[Part, ...] = ()
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    start: int = 0
    also: int | None = None
    seen: str = ""
    online: bool = False
    version: tuple[int, str, int] = (0, "", 0)
    whole: bool = False


def learned(parts: Sequence[Part]) -> datetime:
    """Return when a source of so many parts was learned: later for each part, whatever the clocks say."""
    return max(part.learned_at for part in parts) + timedelta(microseconds=len(parts))


def entity_key(entity: Sequence[Any]) -> str:
    """Write the values of an entity's columns as one text, by which its pushed row is found."""
    return json.dumps(list(entity), ensure_ascii=False, separators=(",", ":"), default=str)


def newer(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one of two rows of an entity that counts."""
    order = ("event_timestamp", "created_timestamp")
    return max(first, second, key=lambda row: tuple(row[name] for name in order))


def batches(
    rows: Sequence[Mapping[str, Any]], integers: Sequence[str]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Divide rows for the feature server, which makes columns of numbers of each batch.

    In a column with a missing value it counts in floats. So rows with large whole numbers are not sent
    together with rows that lack one.
    """
    groups: dict[tuple[bool, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        missing = tuple(row[name] is None for name in integers)
        groups.setdefault(missing, []).append(row)
    large = any(abs(row[name] or 0) > EXACT for row in rows for name in integers)
    for group in groups.values() if large else [rows]:
        for start in range(0, len(group), BATCH_ROWS):
            yield group[start : start + BATCH_ROWS]


def same(first: Any, second: Any) -> bool:
    """Say whether two values are one, however JSON has written it."""
    return bool(first == second) or (first != first and second != second)
