"""How far each version of a model came: trained, gated, in shadow, in canary, serving, ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eventing import catalogue as c
from functions.console.history import Row, data_of, events_of

_WORDS = {
    "registered": ("trained", ""),
    "approved": ("passed the gate", "good"),
    "rejected": ("refused", "bad"),
    "probation": ("on probation", "busy"),
    "promoted": ("promoted", "good"),
    "rolled_back": ("rolled back", "bad"),
    "inconclusive": ("inconclusive", "neutral"),
    "superseded": ("superseded", "neutral"),
    "retired": ("retired", "neutral"),
}
"""Words and kind of a fact; `deployed` and facts that are not here say nothing that a phase does not."""
_PHASES = frozenset({"shadow", "canary"})
_PHASE_EVENTS = frozenset({c.RolloutStarted.type, c.RolloutAdvanced.type})


@dataclass(frozen=True)
class Stage:
    """One thing that became of a version: in words, when (ISO 8601), by which event.

    `kind` is `good`, `bad`, `busy` of what goes on now, `neutral`, or empty.
    """

    name: str
    at: str
    kind: str
    event: str


@dataclass(frozen=True)
class VersionHistory:
    """A version, the newest first in lists, and its stages, the oldest first."""

    version: int
    state: str
    stages: tuple[Stage, ...]


def version_histories(model: Mapping[str, Any], rollouts: Iterable[Row]) -> list[VersionHistory]:
    """Return the history of each version, the newest first.

    Args:
        model: as `/models` of record_events describes it.
        rollouts: `rollout.*` as the ledger has them.
    """
    phases = _phases(rollouts)
    now = model.get("rollout") or {}
    found = [
        _history(each, phases.get(each["version"], []), now if now.get("version") == each["version"] else {})
        for each in model["versions"]
    ]
    known = {each.version for each in found}
    for run in (model.get("governor") or {}).get("training") or ():
        if run["version"] not in known:
            stage = Stage("in training", str(run.get("since") or ""), "busy", "")
            found.append(VersionHistory(run["version"], "in training", (stage,)))
    return sorted(found, key=lambda each: -each.version)


def _history(version: Mapping[str, Any], phases: list[Stage], rollout: Mapping[str, Any]) -> VersionHistory:
    stages = [
        Stage(*_WORDS[fact["fact"]][:1], fact["at"], _WORDS[fact["fact"]][1], fact["event"])
        for fact in version["facts"]
        if fact["fact"] in _WORDS
    ]
    stages += [
        Stage(each.name, each.at, "busy" if each.name == rollout.get("phase") else "", each.event)
        for each in phases
    ]
    return VersionHistory(
        version["version"], version["state"], tuple(sorted(stages, key=lambda each: each.at))
    )


def _phases(rollouts: Iterable[Row]) -> dict[int, list[Stage]]:
    found: dict[int, list[Stage]] = {}
    for event in events_of(rollouts):
        data = data_of(event)
        if event.get("type") in _PHASE_EVENTS and data.get("phase") in _PHASES:
            stage = Stage(data["phase"], str(event.get("time") or ""), "", str(event.get("id")))
            found.setdefault(data["version"], []).append(stage)
    return found
