"""Decides each gate's verdict anew from the numbers that the event carries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from eventing import catalogue as kinds
from functions.evaluate_model.logic import (
    FUNCTION,
    MIN_COMPARED_ROWS,
    Champion,
    Outcome,
    Slice,
    Standing,
    judge,
)
from kascade.replay.comparison import Compared, undecidable
from kascade.replay.policies import Policies
from kascade.replay.recording import Recorded
from pipelines.metrics import METRICS, Metric
from pipelines.spec import Gate

SOURCE = kinds.source_of(FUNCTION)
OUTCOMES: MappingProxyType[str, Outcome] = MappingProxyType(
    {
        kinds.MODEL_APPROVED: Outcome.APPROVE,
        kinds.MODEL_REJECTED: Outcome.REJECT,
        kinds.MODEL_APPROVAL_REQUESTED: Outcome.ASK,
    }
)
_AFTER_SLICES = frozenset({"slices", "approval", "passed", "first-model"})
_TOO_SMALL = "slices too small"
_WORDS = MappingProxyType(
    {Outcome.APPROVE: "approved", Outcome.REJECT: "rejected", Outcome.ASK: "a person is asked"}
)


def replay_gate(log: Sequence[Recorded], policies: Policies) -> Iterator[Compared]:
    """Yield every verdict of the offline gate beside the one of the policies' gate.

    A person's approval or rejection is no verdict. A candidate that could not be scored has no numbers.
    """
    rows = {row.event.id: row for row in log}
    for row in log:
        if row.event.type not in OUTCOMES or row.event.source != SOURCE or not row.data.get("verdict"):
            continue
        verdict = kinds.GateVerdict.model_validate(row.data["verdict"])
        cause = rows.get(row.cause or "")
        in_force = policies.at(row.model, cause.at if cause else row.happened)
        if in_force is not None:
            whole = cause.data.get("metrics", {}) if cause else {}
            yield decide(row, verdict, in_force.spec.gate, whole)


def decide(row: Recorded, verdict: kinds.GateVerdict, gate: Gate, whole: Mapping[str, Any]) -> Compared:
    """Return one verdict beside the one of `gate`.

    Args:
        whole: the candidate's metrics on its whole holdout, as training.completed tells them.
    """
    outcome = OUTCOMES[row.event.type]
    made = _made(row, row.happened, outcome, verdict.rule)
    metric = METRICS.get(verdict.metric)
    if metric is None:
        return undecidable(made, f"this release has no metric {verdict.metric}")
    if verdict.rule == "min" and verdict.minimum == gate.min:
        return replace(made, why=verdict.message)
    if outcome is Outcome.ASK and verdict.rule == "slices":
        return undecidable(made, "gate.slices names a column that the data lacks, so it takes the data")
    standing = _whole(metric, verdict, gate, whole)
    ruling = judge(metric, gate, standing, _slices(metric, verdict, gate), _champion(verdict))
    unseen = set(gate.slices) - {each.column for each in verdict.slices}
    if unseen and ruling.rule in _AFTER_SLICES and _TOO_SMALL not in verdict.message:
        return undecidable(made, f"no slice of {', '.join(sorted(unseen))} was measured")
    words = f"{_WORDS[ruling.outcome]} ({ruling.rule})"
    return replace(made, replayed=words, rule=ruling.rule, why=ruling.message)


def _whole(metric: Metric, verdict: kinds.GateVerdict, gate: Gate, whole: Mapping[str, Any]) -> Standing:
    """Return the standing; `gate.min` is held against the whole holdout, also where less is compared."""
    compared = verdict.value if verdict.champion_value is not None else None
    value = verdict.value
    if compared is not None and verdict.minimum == gate.min:
        value = _best(metric)  # it was not below the same minimum
    elif compared is not None and isinstance(whole.get(metric.name), int | float):
        value = float(whole[metric.name])
    low, high = verdict.interval_low, verdict.interval_high
    return Standing(value, verdict.rows, compared, verdict.champion_value, low, high)


def _champion(verdict: kinds.GateVerdict) -> Champion | None:
    if verdict.champion_version is None:
        return None
    few = verdict.champion_value is None or verdict.rows < MIN_COMPARED_ROWS
    uncompared = verdict.rule == "not-comparable" or (few and verdict.rule != "margin")
    return Champion(verdict.champion_version, "the log says that it could not be" if uncompared else None)


def _slices(metric: Metric, verdict: kinds.GateVerdict, gate: Gate) -> list[Slice]:
    """Return the slices that the gate names. Their intervals are not told: they pass or fail as they did."""
    found = []
    for each in verdict.slices:
        if each.column not in gate.slices:
            continue
        champion = each.champion_metric
        standing = Standing(None, each.rows)
        if each.passed:
            value = _best(metric) if verdict.minimum == gate.min else each.metric
            compared = each.metric if champion is not None else None
            standing = Standing(value, each.rows, compared, champion, math.inf, math.inf)
        found.append(Slice(each.column, each.value, standing))
    return found


def _best(metric: Metric) -> float:
    return math.inf if metric.greater_is_better else -math.inf


def _made(row: Recorded, at: datetime, outcome: Outcome, rule: str) -> Compared:
    words = f"{_WORDS[outcome]} ({rule})"
    return Compared(at, row.model, "gate", row.event.subject or row.model, words, words, rule, "")
