"""Reads what a feature server answered: for each feature the value of each entity, or why there is none.

The question and the answer are those of Feast's `POST /get-online-features`. Feast answers the newest value
that it has, however old: whether it is stale is told here, by the time of its event.
Source: Feast 0.67, sdk/python/feast/feature_server.py and protos/feast/serving/ServingService.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from functions.serve_model.errors import NoFeatures
from pipelines.features.plan import LookedUp


class State(StrEnum):
    """What the feature store has of one value."""

    FOUND = "found"
    MISSING = "missing"
    STALE = "stale"
    AWAY = "away"
    """Nobody knows: it could not be asked."""


@dataclass(frozen=True)
class Values:
    """One feature of N entities: its values, None where not found; `at`: the time of a stale one."""

    values: list[Any]
    states: list[State]
    at: list[str | None]

    @classmethod
    def away(cls, rows: int) -> Values:
        """Return the values of N entities that nobody could ask for."""
        return cls([None] * rows, [State.AWAY] * rows, [None] * rows)


Found = Mapping[str, Values]
"""What was looked up, by the feature's name."""


def question(features: Sequence[LookedUp], keys: Mapping[str, list[Any]]) -> bytes:
    """Return the body that asks for features of N entities at once."""
    references = [each.reference for each in features]
    return orjson.dumps({"features": references, "entities": keys, "full_feature_names": True})


def read_answer(raw: bytes, features: Sequence[LookedUp], rows: int, now_s: float) -> Found:
    """Read the answer to `question` about so many entities. Raises: NoFeatures when it is none."""
    try:
        document = orjson.loads(raw)
        names = document["metadata"]["feature_names"]
        results = dict(zip(names, document["results"], strict=True))
        return {each.name: _values(results[_name(each)], each, rows, now_s) for each in features}
    except KeyError as error:
        raise NoFeatures("garbled", f"its answer has no {error}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise NoFeatures("garbled", f"its answer cannot be read: {error}") from error


def _name(feature: LookedUp) -> str:
    """Return what the answer calls a feature."""
    return feature.reference.replace(":", "__", 1)


def _values(result: Mapping[str, Any], feature: LookedUp, rows: int, now_s: float) -> Values:
    values, statuses, times = list(result["values"]), result["statuses"], result["event_timestamps"]
    if not len(values) == len(statuses) == len(times) == rows:
        raise ValueError(f"{len(values)} values of {feature.reference} for {rows} entities")
    oldest_s = None if feature.ttl_s is None else now_s - feature.ttl_s
    stale = {time for time in set(times) if oldest_s is not None and _seconds(time) < oldest_s}
    states = []
    for row, status in enumerate(statuses):
        if status not in ("PRESENT", "OUTSIDE_MAX_AGE") or values[row] is None:
            states.append(State.MISSING)
        elif status == "OUTSIDE_MAX_AGE" or times[row] in stale:
            states.append(State.STALE)
        else:
            states.append(State.FOUND)
            continue
        values[row] = None
    stale_at = [at if state is State.STALE else None for at, state in zip(times, states, strict=True)]
    return Values(values, states, stale_at)


def _seconds(time: str) -> float:
    at = datetime.fromisoformat(time)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
