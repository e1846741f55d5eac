"""The few figures at the top of a model's page: what serves, how good it is, what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventing.words.numbers import share
from functions.console.charts import Point
from functions.console.governor import Rule
from functions.console.history import DriftTable


@dataclass(frozen=True)
class Figure:
    """A figure with its name, a few words below it, and `good`, `bad`, `busy` or `neutral`."""

    name: str
    value: str
    words: str
    kind: str = "neutral"


def headline_of(
    model: Mapping[str, Any],
    losses: Mapping[int, Sequence[Point]],
    drift: DriftTable,
    rules: Sequence[Rule],
) -> list[Figure]:
    """Return the figures in the order in which they are read.

    Args:
        model: as `/models` of record_events describes it.
        losses: the loss of each version over time.
        drift: the newest checks.
        rules: what keeps a training from beginning now.
    """
    return [
        _serving(model),
        _loss(losses.get(model.get("champion") or 0, ())),
        _labels(model),
        _drift(drift),
        _training(model, rules),
    ]


def _serving(model: Mapping[str, Any]) -> Figure:
    champion, rollout = model.get("champion"), model.get("rollout") or {}
    if model.get("retired"):
        return Figure("Serves", "nothing", "the model is retired")
    beside = f"v{rollout['version']} in {rollout.get('phase') or 'start'}" if rollout.get("version") else ""
    if not champion:
        return Figure(
            "Serves", "nothing yet", beside or "no version was promoted", "busy" if beside else "neutral"
        )
    return Figure("Serves", f"v{champion}", beside or "answers all requests", "busy" if beside else "good")


def _loss(points: Sequence[Point]) -> Figure:
    if not points:
        return Figure("Loss lately", "–", "no labels yet")
    return Figure("Loss lately", share(points[-1].value), f"of its last {points[-1].labels} labels")


def _labels(model: Mapping[str, Any]) -> Figure:
    versions = (model.get("feedback") or {}).get("versions") or ()
    matured = sum(each["matured"] for each in versions)
    if not matured:
        return Figure("Labelled", "–", "no prediction is old enough")
    labelled = sum(each["labelled"] for each in versions)
    return Figure("Labelled", share(labelled / matured), f"of {matured:,} mature predictions")


def _drift(drift: DriftTable) -> Figure:
    if not drift.checks:
        return Figure("Drift", "–", "not checked yet")
    check = drift.checks[-1]
    kind = {"drifted": "bad", "stable": "good"}.get(str(check.get("status")), "neutral")
    return Figure(
        "Drift", str(check.get("status")), f"check {check.get('window')} of {check.get('of')}", kind
    )


def _training(model: Mapping[str, Any], rules: Sequence[Rule]) -> Figure:
    governor = model.get("governor") or {}
    running = governor.get("training") or []
    if running:
        return Figure("Training", f"v{running[-1]['version']}", "under way", "busy")
    runs = governor.get("runs") or []
    if runs and runs[-1]["outcome"] not in (None, "completed"):
        return Figure("Training", str(runs[-1]["outcome"]), f"v{runs[-1]['version']}, the newest", "bad")
    holds = [each.name for each in rules if each.holds]
    if holds == ["trigger"] and not governor.get("waiting"):
        return Figure("Training", "none", "nothing asks for one")
    return Figure("Training", "none", f"waits for: {', '.join(holds)}" if holds else "may begin now")
