"""A clock that was ahead and is set back: what waits is delivered when its policy says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, send, trigger

pytestmark = pytest.mark.slow
OWN_PROCESS = "it sets the clock of the process"

HOUR_S = 3600
POLICY = {"retry": 10, "backoffDelay": "PT2S", "backoffPolicy": "linear"}


def deliver_through_a_jump(
    process: Callable[..., Process], subscribers: Subscribers, clock: Path, deadline_s: float, *options: str
) -> None:
    """Fail the first attempt while the clock is an hour ahead, then set it back.

    Raises:
        AssertionError: the event did not arrive in time.
    """
    clock.write_text(str(HOUR_S))
    broker = process("--clock", str(clock), *options)
    broker.subscribe([trigger("one", subscribers.url("failing"), **POLICY)])
    assert send(broker.url, "late") == 202
    wait_until(
        lambda: b'retries_total{namespace="kascade",trigger="one"} 1.0' in broker.ask("/metrics"),
        10,
        lambda: "never tried",
    )
    clock.write_text("0")
    wait_until(lambda: "late" in subscribers.ids("failing"), deadline_s, lambda: "the retry still waits")


@pytest.mark.case("T6", "ahead by an hour and back")
def test_a_retry_waits_no_longer_than_its_policy_says(
    process: Callable[..., Process], subscribers: Subscribers, tmp_path: Path
) -> None:
    deliver_through_a_jump(process, subscribers, tmp_path / "clock", 30)


@pytest.mark.case("T6", "a broker that waits for the hour is caught")
def test_a_broker_that_waits_for_the_clock_is_caught(
    process: Callable[..., Process], subscribers: Subscribers, tmp_path: Path
) -> None:
    mutant = ("--mutant", "ignores_that_the_clock_was_ahead")

    with pytest.raises(AssertionError, match="the retry still waits"):
        deliver_through_a_jump(process, subscribers, tmp_path / "clock", 8, *mutant)
