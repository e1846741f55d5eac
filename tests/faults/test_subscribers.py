"""Mute and endless subscribers: they keep no other Trigger waiting. Any broker can be the target."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, Target, send, trigger

pytestmark = pytest.mark.slow

ONCE = {"retry": 1, "backoffDelay": "PT0.1S", "backoffPolicy": "linear", "timeout": "PT2S"}
EVENTS = 40


def others_are_served(target: Target, subscribers: Subscribers, deadline_s: float) -> None:
    """Send events to a mute, an endless and a good subscriber.

    Raises:
        AssertionError: the good one did not get all of them in time, or the others' went nowhere.
    """
    url = subscribers.url
    target.subscribe(
        [
            trigger("mute", url("mute"), deadLetterSink={"uri": url("dead")}, **ONCE),
            trigger("endless", url("endless"), deadLetterSink={"uri": url("given-up")}, **ONCE),
            trigger("good", url("good")),
        ]
    )
    ids = {f"m{number}" for number in range(EVENTS)}
    # Some brokers answer only when every subscriber has: the producers must not wait for one another.
    producers = [threading.Thread(target=send, args=(target.url, id_), daemon=True) for id_ in ids]
    for producer in producers:
        producer.start()
    for path, within_s in (("good", deadline_s), ("dead", 60), ("given-up", 60)):
        wait_until(
            lambda path=path: ids <= subscribers.ids(path),
            within_s,
            lambda path=path: f"{len(ids - subscribers.ids(path))} of {EVENTS} events did not reach {path}",
        )
    for producer in producers:
        producer.join(60)


@pytest.mark.case("T3", "mute and endless subscribers beside a good one")
def test_mute_and_endless_subscribers_keep_nobody_waiting(target: Target, subscribers: Subscribers) -> None:
    others_are_served(target, subscribers, 15)


def test_a_broker_that_delivers_one_trigger_after_the_other_is_caught(
    process: Callable[..., Process], subscribers: Subscribers
) -> None:
    broker = process("--mutant", "delivers_one_trigger_after_the_other")

    with pytest.raises(AssertionError, match="did not reach good"):
        others_are_served(broker, subscribers, 5)
