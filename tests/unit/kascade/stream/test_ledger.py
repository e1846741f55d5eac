"""What is followed is one model's: a system may have others, and a past."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from rich.console import Console

from eventing import catalogue as c
from kascade.client import Client
from kascade.stream.ledger import LedgerFollower
from kascade.system.home import HomeError


class Ledger:
    """A client of a system whose ledger has these events."""

    def __init__(self, *events: tuple[str, str]) -> None:
        self._events = events

    def ledger(self, *, after: int, **query: Any) -> Iterator[dict[str, Any]]:
        time.sleep(0.01)
        for seq, (type_, subject) in enumerate(self._events, start=1):
            if seq > after:
                event = {"type": type_, "subject": subject, "time": "2026-11-29T10:00:00Z", "data": {}}
                yield {"seq": seq, "event": event}


def following(*events: tuple[str, str]) -> LedgerFollower:
    ledger = LedgerFollower(cast(Client, Ledger(*events)), Console(quiet=True), "churn", show=False)
    ledger.start()
    return ledger


def test_events_of_other_models_are_passed_over() -> None:
    ledger = following(
        (c.RolloutCompleted.type, "digits/v1"),
        (c.TrainingFailed.type, "churn2/v1"),
        (c.SpecRegistered.type, "churn"),
        (c.RolloutCompleted.type, "churn/v3"),
    )
    found = ledger.wait(c.RolloutCompleted.type, timeout_s=10)
    ledger.stop()
    assert found["subject"] == "churn/v3"
    assert [event["subject"] for event in ledger.events] == ["churn", "churn/v3"]


def test_a_failure_of_the_model_itself_ends_the_waiting() -> None:
    ledger = following((c.TrainingFailed.type, "churn/v1"))
    with pytest.raises(HomeError, match=r"training\.failed"):
        ledger.wait(c.RolloutCompleted.type, timeout_s=10)
    ledger.stop()
