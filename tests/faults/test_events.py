"""Duplicate, reordered and late events: each is passed on as it came. Any broker can be the target."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, Target, send, trigger

pytestmark = pytest.mark.slow

EVENTS = 60
TIMES = ("1970-01-01T00:00:00Z", "2026-11-30T00:00:00+14:00", "2099-12-31T23:59:59.999999999Z")


def all_come_as_they_were_sent(target: Target, subscribers: Subscribers, deadline_s: float) -> None:
    """Send events in a random order, each id from two sources, some of them again, with odd times.

    Raises:
        AssertionError: one did not arrive, or not as it was sent.
    """
    target.subscribe([trigger("good", subscribers.url("good"))])
    chance = random.Random(1)
    sent = [
        (f"e{number}", source, TIMES[number % len(TIMES)], f"{number} from {source}".encode())
        for number in range(EVENTS)
        for source in ("/faults/a", "/faults/b")
    ]
    sent += chance.sample(sent, 20)
    chance.shuffle(sent)
    for id_, source, time, body in sent:
        assert 200 <= send(target.url, id_, body, source=source, time=time) < 300

    asked = {(id_, source, moment(time), body) for id_, source, time, body in sent}

    def arrived() -> set[tuple[str, str, tuple[int, str], bytes]]:
        return {
            (headers["ce-id"], headers["ce-source"], moment(headers["ce-time"]), body)
            for _, headers, body in list(subscribers.events)
        }

    wait_until(
        lambda: asked <= arrived(),
        deadline_s,
        lambda: f"{len(asked - arrived())} of {len(asked)} events did not come as they were sent",
    )


def moment(time: str) -> tuple[int, str]:
    """Return the second and its fraction: a broker may write the time in UTC, as Knative's does."""
    fraction = re.search(r"\.(\d+)", time)
    second = datetime.fromisoformat(re.sub(r"\.\d+", "", time))
    return int(second.timestamp()), fraction[1].rstrip("0") if fraction else ""


def test_duplicate_reordered_and_late_events_come_as_they_were_sent(
    target: Target, subscribers: Subscribers
) -> None:
    all_come_as_they_were_sent(target, subscribers, 30)


def test_a_broker_that_takes_an_id_for_the_event_is_caught(
    process: Callable[..., Process], subscribers: Subscribers
) -> None:
    with pytest.raises(AssertionError, match="did not come as they were sent"):
        all_come_as_they_were_sent(process("--mutant", "takes_an_id_for_the_event"), subscribers, 4)
