"""What a model's recorded events say over time: its loss on labels, its drift, its data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.console.charts import LineChart, Point, line_chart

Row = Mapping[str, Any]
_DECISIVE = {"promoted": "good", "rolled_back": "bad", "rejected": "bad", "inconclusive": "neutral"}
_MOST_POINTS = 60
_LEAST_LABELS = 20


@dataclass(frozen=True)
class DriftCell:
    """One feature in one check; `strength` is 0 to 4, None where it was not tested.

    `place` is that of the feature in the check, where its distributions are known.
    """

    effect: float | None
    strength: int | None
    drifted: bool
    place: int | None = None


@dataclass(frozen=True)
class DriftTable:
    """The features that moved most, in the newest checks, the oldest check first."""

    checks: tuple[Row, ...]
    features: tuple[tuple[str, tuple[DriftCell, ...]], ...]


def loss_by_version(rows: Iterable[Row]) -> dict[int, list[Point]]:
    """Return the mean loss of each version over the labels joined since the point before.

    Args:
        rows: `feedback.joined` as the ledger has them. Each counts all labels until then, so that one row
            less is one point less and nothing else.
    """
    points: dict[int, list[Point]] = {}
    before: dict[int, tuple[int, float]] = {}
    for event in events_of(rows):
        at = when(event.get("time"))
        for each in _listed(event, "versions"):
            labels, mean = each.get("labelled"), each.get("mean_loss")
            if at is None or not isinstance(labels, int) or not isinstance(mean, int | float):
                continue
            seen, total = before.get(each["version"], (0, 0.0))
            if labels < seen:
                seen, total = 0, 0.0  # counted anew
            if labels > seen:
                value = (labels * mean - total) / (labels - seen)
                points.setdefault(each["version"], []).append(
                    Point(at, min(1.0, max(0.0, value)), labels - seen)
                )
            before[each["version"]] = (labels, labels * mean)
    return {version: _thinned(found) for version, found in sorted(points.items())}


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Merge neighbours until each point stands for enough labels to say something."""
    least = max(_LEAST_LABELS, sum(each.labels for each in points) // _MOST_POINTS)
    found: list[Point] = []
    labels, total = 0, 0.0
    for each in points:
        labels, total = labels + each.labels, total + each.labels * each.value
        if labels >= least:
            found.append(Point(each.at, total / labels, labels))
            labels, total = 0, 0.0
    if labels and not found:
        found.append(Point(points[-1].at, total / labels, labels))
    return found


def loss_chart(model: Row, losses: Mapping[int, Sequence[Point]]) -> LineChart | None:
    """Draw the loss of each version of a model, with every decision about one."""
    decisions = []
    for version in model["versions"]:
        for fact in version["facts"]:
            at, kind = when(fact["at"]), _DECISIVE.get(fact["fact"])
            if at is not None and kind is not None:
                decisions.append((at, f"v{version['version']} {fact['fact'].replace('_', ' ')}", kind))
    return line_chart({f"v{version}": found for version, found in losses.items()}, decisions)


def drift_table(rows: Iterable[Row], *, most_features: int = 12, most_checks: int = 24) -> DriftTable:
    """Return how far each feature was from its reference in the newest checks (`drift.checked`)."""
    checks = list(events_of(rows))[-most_checks:]
    effects: dict[str, float] = {}
    tested: list[dict[str, Row]] = []
    for check in checks:
        listed = enumerate(_listed(check, "features"))
        of_check: dict[str, Row] = {
            str(each["feature"]): {**each, "place": at} for at, each in listed if "feature" in each
        }
        tested.append(of_check)
        for name, each in of_check.items():
            effects[name] = max(effects.get(name, 0.0), float(each.get("effect") or 0.0))
    strongest = sorted(effects, key=lambda name: (-effects[name], name))[:most_features]
    table = tuple((name, tuple(_cell(each.get(name)) for each in tested)) for name in strongest)
    shown = tuple(
        {**data_of(check), "at": check.get("time"), "id": check.get("id"), "subject": check.get("subject")}
        for check in checks
    )
    return DriftTable(shown, table)


def _cell(test: Row | None) -> DriftCell:
    if test is None:
        return DriftCell(None, None, False)
    effect = float(test.get("effect") or 0.0)
    strength = sum(effect >= step for step in (0.05, 0.1, 0.3, 1.0))
    place = test.get("place") if test.get("distribution") else None
    return DriftCell(effect, strength, bool(test.get("drifted")), place)


def parts_of(rows: Iterable[Row]) -> list[Row]:
    """Return the files that were taken or refused (`dataset.*`), the newest first."""
    return [
        {
            **data_of(event),
            "at": event.get("time"),
            "id": event.get("id"),
            "kind": str(event.get("type", "")).rpartition(".")[2],
        }
        for event in reversed(list(events_of(rows)))
    ]


def when(text: Any) -> datetime | None:
    """Return an ISO 8601 time, None for anything else or one without an offset."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def events_of(rows: Iterable[Row]) -> Iterable[Row]:
    """Return the events of the ledger's rows."""
    return (row["event"] for row in rows)


def data_of(event: Row) -> Row:
    """Return an event's data, empty where they are no object."""
    data = event.get("data")
    return data if isinstance(data, Mapping) else {}


def _listed(event: Row, name: str) -> list[Row]:
    found = data_of(event).get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
