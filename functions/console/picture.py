"""The picture of the loop: where each function stands, and which events lead from one to another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.console.cluster import Function
from functions.console.history import when

WIDTH, HEIGHT = 1072, 290
BUSY = timedelta(seconds=15)

_POSITIONS = {
    "ingest-data": (162, 10),
    "govern-training": (314, 10),
    "run-training": (466, 10),
    "evaluate-model": (618, 10),
    "roll-out-model": (770, 10),
    "detect-drift": (466, 112),
    "judge-rollout": (770, 112),
    "log-inferences": (922, 112),
    "release-labels": (162, 214),
    "watch-performance": (466, 214),
    "join-feedback": (770, 214),
}
_OUTSIDE = {"data files": (10, 10), "models": (922, 10), "labels": (922, 214)}
_ARROWS = (
    "M150 32 H160",
    "M302 32 H312",
    "M454 32 H464",
    "M606 32 H616",
    "M758 32 H768",
    "M910 32 H920",
    "M992 54 V110",
    "M942 156 C890 195 680 195 608 140",
    "M464 134 C412 134 384 110 384 56",
    "M920 236 H912",
    "M840 212 V158",
    "M840 110 V56",
    "M768 236 H608",
    "M464 236 C412 236 370 190 370 56",
    "M800 258 C760 285 340 285 304 250",
    "M232 212 V56",
)


@dataclass(frozen=True)
class Box:
    """A function, or what is outside: files, models, labels.

    `state` is that of `cluster.Function`, `unknown` where the API tells nothing, `outside` of the latter.
    """

    name: str
    x: int
    y: int
    state: str
    words: str
    busy: bool


@dataclass(frozen=True)
class Picture:
    """Boxes, arrows as SVG paths, and the functions that stand beside the loop."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    beside: tuple[Function, ...]


def picture_of(
    functions: Sequence[Function] | None, rows: Iterable[Mapping[str, Any]], now: datetime
) -> Picture:
    """Draw the loop.

    Args:
        functions: as the cluster has them; None where it cannot be asked.
        rows: the newest events of the ledger: who sent one lately is busy.
        now: aware.
    """
    known = {each.name: each for each in functions or () if each.model is None}
    senders = {_sender(row["event"]) for row in rows if _is_new(row["event"], now)}
    models = [each for each in functions or () if each.model is not None]
    words = {"models": f"{len(models)} served" if functions is not None else ""}
    boxes = [
        Box(name, x, y, "outside", words.get(name, ""), name == "models" and "serve_model" in senders)
        for name, (x, y) in _OUTSIDE.items()
    ]
    for name, (x, y) in _POSITIONS.items():
        function = known.get(name)
        state = _state(name, function, known=functions is not None)
        busy = name.replace("-", "_") in senders
        boxes.append(Box(name, x, y, state, _words(state, function), busy))
    beside = tuple(each for name, each in known.items() if name not in _POSITIONS)
    return Picture(tuple(boxes), _ARROWS, beside)


def _state(name: str, function: Function | None, *, known: bool) -> str:
    if function is not None:
        return function.state
    return "asleep" if known and name == "run-training" else "unknown"


def _words(state: str, function: Function | None) -> str:
    if function is None:
        return "a job for each run" if state == "asleep" else ""
    if state == "ready":
        return f"{function.processes} running"
    return {"asleep": "scaled to zero", "starting": "starting", "failing": "failing"}[state]


def _sender(event: Mapping[str, Any]) -> str:
    return str(event.get("source", "")).rpartition("/kascade/")[2].partition("/")[0]


def _is_new(event: Mapping[str, Any], now: datetime) -> bool:
    at = when(event.get("time"))
    return at is not None and now - at <= BUSY
