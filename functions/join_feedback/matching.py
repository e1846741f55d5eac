"""Finds the prediction that each label belongs to, and says of every label what became of it.

A label names its prediction by id, or by entity and time: then it belongs to the newest prediction
about that entity made at or before that time, and not longer before it than the maturity window. The
label of a prediction that came first counts, in whatever order they are handled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from functions.inferences.labels import Value, as_class, as_number
from pipelines.values.form import PLAIN, Form


class Fate(StrEnum):
    """What became of a label."""

    JOINED = "joined"
    DUPLICATE = "duplicate"
    CONTRADICTORY = "contradictory"
    LATE = "late"
    UNKNOWN = "unknown"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One version's answer to one request; in a shadow two versions share a `prediction_id`."""

    prediction_id: str
    at: datetime
    version: int
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What came in; `label_id` is its event's id, or its file and row; for its times see `times.Times`."""

    label_id: str
    value: object
    received_at: datetime
    prediction_id: str | None = None
    entity: str | None = None
    time: datetime | None = None
    kept_at: datetime | None = None
    ahead: bool = False
    lag_s: float = 0.0

    @property
    def reached_at(self) -> datetime:
        """When it reached the system; its own time may be long before."""
        return (self.kept_at or self.received_at) - timedelta(seconds=self.lag_s)


@dataclass(frozen=True, slots=True)
class Known:
    """The label that a prediction has already.

    `open`: nobody has relied on it yet, so one that came earlier takes its place.
    """

    value: Value
    received_at: datetime
    label_id: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a label may be: one of `classes`, or any finite number when there are none.

    `open`: nothing is known of the target, so any value is taken. `form` is how it is written in text.
    """

    classes: tuple[Value, ...] | None = None
    open: bool = False
    form: Form = PLAIN

    def read(self, value: object) -> Value | None:
        """Return the label as the target has it; None when it is impossible."""
        if self.open:
            return value if isinstance(value, str | int | float) else None
        return as_number(value, self.form) if self.classes is None else as_class(value, self.classes)


@dataclass(frozen=True, slots=True)
class Join:
    """A label and its fate; `value` and `prediction_id` as far as they were found.

    `replaces`: it is the label of its prediction from now on, since it came before the one that was known.
    """

    label: Label
    fate: Fate
    prediction_id: str | None = None
    value: Value | None = None
    replaces: bool = False

    @property
    def stands(self) -> bool:
        """Whether it is the label of its prediction."""
        return self.replaces or self.fate in (Fate.JOINED, Fate.LATE)


@dataclass(slots=True)
class _Index:
    by_id: dict[str, datetime] = field(default_factory=dict)
    by_entity: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)


def match(
    labels: Iterable[Label],
    predictions: Iterable[Prediction],
    known: Mapping[str, Known],
    *,
    target: Target,
    window: timedelta,
) -> list[Join]:
    """Join labels to predictions; return what became of each label, in the order they were received.

    One that is late is its prediction's label as well; it is only no evidence.

    Args:
        labels: in any order; they are taken in the order of (received_at, label_id).
        predictions: all that the labels could belong to.
        known: prediction id to the label it has already.
        target: what a label may be.
        window: how long after its prediction a label may be received without being late.
    """
    index = _index(predictions)
    first = dict(known)
    joins = []
    for label in sorted(labels, key=lambda each: (each.received_at, each.label_id)):
        join = _join(label, index, first, target, window)
        if join.stands and join.prediction_id is not None and join.value is not None:
            first[join.prediction_id] = Known(join.value, label.received_at, label.label_id)
        joins.append(join)
    return joins


def _join(label: Label, index: _Index, first: Mapping[str, Known], target: Target, window: timedelta) -> Join:
    prediction_id = _find(label, index, window)
    value = target.read(label.value)
    if value is None:
        return Join(label, Fate.IMPOSSIBLE, prediction_id)
    if prediction_id is None:
        return Join(label, Fate.UNKNOWN, None, value)
    known = first.get(prediction_id)
    if known is not None:
        fate = Fate.DUPLICATE if known.value == value else Fate.CONTRADICTORY
        earlier = (label.received_at, label.label_id) < (known.received_at, known.label_id)
        return Join(label, fate, prediction_id, value, replaces=known.open and earlier)
    if label.received_at > index.by_id[prediction_id] + window:
        return Join(label, Fate.LATE, prediction_id, value)
    return Join(label, Fate.JOINED, prediction_id, value)


def _find(label: Label, index: _Index, window: timedelta) -> str | None:
    if label.prediction_id is not None:
        return label.prediction_id if label.prediction_id in index.by_id else None
    if label.entity is None or label.time is None:
        return None
    made = index.by_entity.get(label.entity, [])
    position = bisect_right(made, label.time, key=lambda each: each[0])
    if position == 0:
        return None
    at, prediction_id = made[position - 1]
    return prediction_id if label.time - at <= window else None


def _index(predictions: Iterable[Prediction]) -> _Index:
    index = _Index()
    for each in predictions:
        earlier = index.by_id.get(each.prediction_id)
        # Versions that answered one request: its label matures by the first answer.
        index.by_id[each.prediction_id] = each.at if earlier is None else min(earlier, each.at)
        if each.entity is not None and earlier is None:
            index.by_entity.setdefault(each.entity, []).append((each.at, each.prediction_id))
    for made in index.by_entity.values():
        made.sort()
    return index
