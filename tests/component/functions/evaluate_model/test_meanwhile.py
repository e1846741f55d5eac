"""The champion, or the gate, changes while a candidate is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from eventing import catalogue as kinds
from eventing.testing import HandlingFailed

if TYPE_CHECKING:
    from conftest import Gate

BLIND = {"x1": 2.0, "lu": 0.0}
GOOD = {"x1": 2.0, "lu": -4.0}


def while_judged(gate: Gate, monkeypatch: pytest.MonkeyPatch, happens: Callable[[int], None]) -> None:
    """Let something happen each time the candidate v3 has been read."""
    get, times = gate.store.get, [0]

    def slowly(uri: str, *args: Any, **how: Any) -> bytes:
        if uri.endswith("v3/model.onnx"):
            times[0] += 1
            happens(times[0])
        return get(uri, *args, **how)

    monkeypatch.setattr(gate.store, "get", slowly)


@pytest.fixture
def third(gate: Gate) -> kinds.TrainingCompleted:
    """A third version that equals the champion v1 and is worse than v2."""
    gate.register_spec()
    gate.ask(gate.candidate(1, BLIND))
    gate.promote(1)
    gate.ask(gate.candidate(2, GOOD))
    return gate.candidate(3, BLIND)


def test_a_version_promoted_meanwhile_is_the_one_compared_with(
    gate: Gate, third: kinds.TrainingCompleted, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_judged(gate, monkeypatch, lambda time: gate.promote(2) if time == 1 else None)
    answer = gate.ask(third)
    assert answer.type == kinds.ModelRejected.type
    assert answer.data["verdict"]["champion_version"] == 2
    assert gate.facts(3) == ["registered", "rejected"]


def test_a_gate_registered_meanwhile_is_the_one_applied(
    gate: Gate, third: kinds.TrainingCompleted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stricter(time: int) -> None:
        if time == 1:
            gate.register_spec("gate: {min: 0.999}")

    while_judged(gate, monkeypatch, stricter)
    assert gate.ask(third).data["verdict"]["rule"] == "min"


def test_what_never_stops_changing_is_judged_later(
    gate: Gate, third: kinds.TrainingCompleted, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_judged(gate, monkeypatch, lambda time: gate.register_spec(f"gate: {{margin: 0.1{time}}}"))
    with pytest.raises(HandlingFailed, match="keeps changing") as failed:
        gate.ask(third)
    assert failed.value.status == 503
    assert gate.facts(3) == []
