"""How far each version came."""

from __future__ import annotations

from typing import Any

from eventing import catalogue as c
from functions.console.stages import version_histories


def fact(name: str, minute: int) -> dict[str, str]:
    return {"fact": name, "at": f"2026-03-01T12:{minute:02}:00+00:00", "event": f"{name}{minute}"}


def phase(version: int, name: str, minute: int, type_: str = c.RolloutStarted.type) -> dict[str, Any]:
    data = {"version": version, "phase": name}
    at = f"2026-03-01T12:{minute:02}:00+00:00"
    return {"event": {"id": f"{name}{minute}", "type": type_, "time": at, "data": data}}


def model(**changes: Any) -> dict[str, Any]:
    first = [fact("registered", 1), fact("approved", 2), fact("deployed", 3), fact("promoted", 4)]
    second = [fact("registered", 10), fact("approved", 11), fact("deployed", 12)]
    versions = [
        {"version": 1, "state": "champion", "facts": first},
        {"version": 2, "state": "approved", "facts": second},
    ]
    return {"versions": versions, "rollout": None, "governor": {}, **changes}


def test_a_version_passes_its_stages_in_the_order_of_time_and_the_newest_stands_first() -> None:
    rollouts = [
        phase(2, "shadow", 13),
        phase(2, "canary", 14, c.RolloutAdvanced.type),
        phase(1, "replace", 3),
    ]
    second, first = version_histories(model(), rollouts)

    assert [stage.name for stage in first.stages] == ["trained", "passed the gate", "promoted"]
    assert [stage.name for stage in second.stages] == ["trained", "passed the gate", "shadow", "canary"]
    assert second.stages[-1].event == "canary14"


def test_the_phase_under_way_is_marked() -> None:
    rollouts = [phase(2, "shadow", 13), phase(2, "canary", 14, c.RolloutAdvanced.type)]
    second, _ = version_histories(model(rollout={"version": 2, "phase": "canary"}), rollouts)

    assert [stage.kind for stage in second.stages] == ["", "good", "", "busy"]


def test_a_version_that_is_being_trained_stands_above_those_that_are_there() -> None:
    training = [{"version": 3, "since": "2026-03-01T12:20:00+00:00"}, {"version": 2, "since": None}]
    found = version_histories(model(governor={"training": training}), [])

    assert [each.version for each in found] == [3, 2, 1]
    assert found[0].stages[0].name == "in training"


def test_facts_and_events_that_say_nothing_are_passed_over() -> None:
    odd = [{"event": {"type": c.RolloutStarted.type, "data": "no object"}}, {"event": {"type": "x"}}]
    versions = [{"version": 1, "state": "unknown", "facts": [fact("of_a_later_release", 1)]}]

    (only,) = version_histories(model(versions=versions), odd)

    assert only.stages == ()
