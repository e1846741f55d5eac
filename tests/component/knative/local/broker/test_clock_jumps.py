"""A clock that jumps: no delivery waits longer than its policy says, and none is lost."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

HOUR_S = 3600.0
RETRY = {"retry": 5, "backoffDelay": "PT0.2S", "backoffPolicy": "linear"}


@pytest.mark.case("T6", "ahead by an hour and back, while a retry waits")
@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_was_ahead_delays_no_retry_by_what_it_was_ahead(
    world: Any, answer: Any, until: Any, restart: bool
) -> None:
    subscriber = world.subscriber(answer(503), answer(204))
    world.trigger(subscriber, delivery=RETRY)
    world.clock_ahead_s = HOUR_S
    world.send()
    until(lambda: world.metric("kascade_broker_retries_total") == 1)
    world.clock_ahead_s = 0.0
    if restart:
        world.stop()
        world.start()

    started = time.monotonic()
    subscriber.wait_for(2, 5)

    assert time.monotonic() - started < 3
    until(lambda: sum(world.engine.backlog().values()) == 0)


@pytest.mark.case("T6", "a dead letter that was moved while the clock was ahead")
def test_a_dead_letter_of_a_clock_that_was_ahead_is_delivered_at_once(world: Any, answer: Any) -> None:
    sink = world.subscriber(answer(503), answer(204))
    world.trigger(world.subscriber(answer(400)), delivery={**RETRY, "deadLetterSink": {"uri": sink.url}})
    world.clock_ahead_s = HOUR_S
    world.send()
    sink.wait_for(1)
    world.clock_ahead_s = -HOUR_S

    sink.wait_for(2, 5)


@pytest.mark.case("T6", "the waits of a policy are kept, each by how often it has failed")
def test_a_wait_within_the_policy_is_not_cut(world: Any, answer: Any) -> None:
    subscriber = world.subscriber(answer(503), answer(503), answer(503), answer(204))
    world.trigger(subscriber, delivery={"retry": 5, "backoffDelay": "PT0.3S", "backoffPolicy": "exponential"})
    world.send()

    at = [each.at for each in subscriber.wait_for(4)]

    waits = [after - before for before, after in pairwise(at)]
    for waited, wanted in zip(waits, (0.3, 0.6, 1.2), strict=True):
        assert wanted <= waited < wanted + 1.0
