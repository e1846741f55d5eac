"""Why a training does not begin now: each rule of the governor, and how far it is from saying no. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventing.words.model_status import training_words
from eventing.words.numbers import clock


@dataclass(frozen=True)
class Rule:
    """What a rule says of a training now: `holds` says that it keeps one from beginning by itself."""

    name: str
    holds: bool
    words: str


def why_not_now(model: Mapping[str, Any]) -> list[Rule]:
    """Return the rules in the order in which the governor asks them.

    Args:
        model: as `/models` of record_events describes it.
    """
    governor = model.get("governor") or {}
    dataset, breaker, budget = governor.get("dataset"), governor.get("breaker"), governor.get("budget")
    rules = [
        Rule("data", not dataset, _data(dataset)),
        Rule("under way", bool(governor.get("running")), _under_way(governor.get("training") or [])),
    ]
    if model.get("retired"):
        rules.append(Rule("retired", True, "only a person's request or a changed model.yaml trains it"))
    if breaker:
        refused, limit = breaker["refused_in_a_row"], breaker["limit"]
        words = f"{refused} versions in a row were refused, {_limit(limit, 'open')}"
        rules.append(Rule("breaker", bool(breaker["open"]), words))
    if budget:
        used, limit = budget["used"], budget["limit"]
        words = f"{used} automatic runs in 24 hours, {_limit(limit, 'spent')}"
        rules.append(Rule("budget", limit is not None and used >= limit, words))
    rules.append(_trigger(governor))
    return rules


def _data(dataset: Mapping[str, Any] | None) -> str:
    if not dataset:
        return "no part is in the dataset yet"
    parts = dataset["parts"]
    return f"{dataset['rows']:,} rows in {parts} part{'' if parts == 1 else 's'}"


def _under_way(training: list[Mapping[str, Any]]) -> str:
    return "; ".join(f"v{each['version']} {training_words(each)}" for each in training) or "no run"


def _limit(limit: int | None, state: str) -> str:
    return "no limit" if limit is None else f"{state} at {limit}"


def _trigger(governor: Mapping[str, Any]) -> Rule:
    waiting = governor.get("waiting") or []
    if not waiting:
        return Rule("trigger", True, "nothing asks for a training: no new data, no alarm, no request")
    until = f" until {clock(governor['until'])}" if governor.get("until") else ""
    why = str(governor.get("said") or "").partition(": ")[2]
    return Rule("trigger", True, f"{', '.join(waiting)} waits{until}{': ' if why else ''}{why}")
