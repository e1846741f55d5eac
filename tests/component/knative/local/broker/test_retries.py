"""Section E of the broker contract: retry, backoff, timeout."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest


def gaps(received: list[Any]) -> list[float]:
    return [later.at - earlier.at for earlier, later in pairwise(received)]


@pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 501, 502, 503, 504, 505, 507, 511, 599])
def test_44_these_statuses_are_retried(world: Any, answer: Any, status: int) -> None:
    subscriber = world.subscriber(answer(status), answer(204))
    world.trigger(subscriber, delivery={"retry": 1})

    world.send()

    first, second = subscriber.wait_for(2)
    assert (first.body, first.attribute("id")) == (second.body, second.attribute("id"))


REFUSED = [
    300,
    301,
    304,
    307,
    400,
    401,
    403,
    405,
    406,
    410,
    411,
    413,
    415,
    418,
    *range(421, 427),
    428,
    431,
    451,
    499,
]


@pytest.mark.parametrize("status", REFUSED)
def test_45_67_these_statuses_are_final_and_dead_lettered_at_once_with_their_reason(
    world: Any, answer: Any, status: int
) -> None:
    subscriber, sink = world.subscriber(answer(status, {"Location": "/elsewhere"})), world.subscriber()
    world.trigger(subscriber, delivery={"retry": 3, "deadLetterSink": {"uri": sink.url}})

    world.send()

    (dead,) = sink.wait_for(1)
    assert dead.attribute("knativeerrorcode") == str(status)
    assert dead.attribute("knativeerrordest") == subscriber.url
    assert len(subscriber.received) == 1


@pytest.mark.parametrize(("retry", "attempts"), [(None, 1), (0, 1), (1, 2), (3, 4)])
def test_47_50_retry_is_the_number_of_further_attempts_without_a_wait_by_default(
    world: Any, answer: Any, retry: int | None, attempts: int
) -> None:
    subscriber, sink = world.subscriber(answer(500)), world.subscriber()
    given = {} if retry is None else {"retry": retry}
    world.trigger(subscriber, delivery={**given, "deadLetterSink": {"uri": sink.url}})

    world.send()

    (dead,) = sink.wait_for(1)
    assert len(subscriber.received) == attempts
    assert dead.at - subscriber.received[0].at < 1.0


@pytest.mark.parametrize(
    ("policy", "settings", "expected"),
    [
        ("exponential", {}, [0.1, 0.2, 0.4]),
        ("linear", {}, [0.1, 0.1, 0.1]),
        ("linear", {"linear_backoff": "knative"}, [0.0, 0.1, 0.2]),
    ],
)
def test_48_49_51_the_backoff_grows_as_its_policy_says(
    world: Any, answer: Any, policy: str, settings: dict[str, Any], expected: list[float]
) -> None:
    world.stop()
    world.start(**settings)
    subscriber = world.subscriber(answer(500), answer(500), answer(500), answer(204))
    world.trigger(subscriber, delivery={"retry": 3, "backoffPolicy": policy, "backoffDelay": "PT0.1S"})

    world.send()

    for gap, least in zip(gaps(subscriber.wait_for(4)), expected, strict=True):
        assert least <= gap < least + 0.25


def test_52_67_an_attempt_that_takes_too_long_is_retried_and_dead_lettered_with_its_reason(
    world: Any, answer: Any
) -> None:
    subscriber, sink = world.subscriber(answer(204, after_s=5)), world.subscriber()
    world.trigger(subscriber, delivery={"retry": 1, "timeout": "PT0.2S", "deadLetterSink": {"uri": sink.url}})

    world.send()

    (dead,) = sink.wait_for(1)
    assert len(subscriber.received) == 2
    assert 0.4 <= dead.at - subscriber.received[0].at < 2.0
    assert dead.attribute("knativeerrorcode") == "500"
    assert dead.attribute("knativeerrordest") == subscriber.url


def test_53_without_a_timeout_an_attempt_ends_after_the_brokers_own(world: Any, answer: Any) -> None:
    world.stop()
    world.start(attempt_timeout_s=0.2)
    sink = world.subscriber()
    world.trigger(world.subscriber(answer(204, after_s=5)), delivery={"deadLetterSink": {"uri": sink.url}})

    world.send()

    sink.wait_for(1)


@pytest.mark.parametrize(
    ("status", "asked", "most", "waits"),
    [
        (429, "1", None, 0.0),
        (429, "1", "PT5S", 1.0),
        (503, "9", "PT0.3S", 0.3),
        (500, "9", "PT5S", 0.0),
        (503, "1", "PT0S", 0.0),
    ],
)
def test_54_retry_after_is_heeded_up_to_its_maximum_on_429_and_503(
    world: Any, answer: Any, status: int, asked: str, most: str | None, waits: float
) -> None:
    subscriber = world.subscriber(answer(status, {"Retry-After": asked}), answer(204))
    world.trigger(subscriber, delivery={"retry": 1, **({"retryAfterMax": most} if most else {})})

    world.send()

    (gap,) = gaps(subscriber.wait_for(2))
    assert waits <= gap < waits + 0.5


def test_55_a_triggers_delivery_replaces_the_brokers_but_inherits_its_dead_letter_sink(
    world: Any, answer: Any
) -> None:
    own, inherited, sink = world.subscriber(answer(500)), world.subscriber(answer(500)), world.subscriber()
    world.broker(retry=2, deadLetterSink={"uri": sink.url})
    world.trigger(own, "own", delivery={"backoffDelay": "PT0.1S"})
    world.trigger(inherited, "inherited")

    world.send()

    sink.wait_for(2)
    assert (len(own.received), len(inherited.received)) == (1, 3)


def test_58_a_trigger_that_hangs_does_not_delay_the_others(world: Any, answer: Any) -> None:
    slow, fast = world.subscriber(answer(204, after_s=3)), world.subscriber()
    world.trigger(slow, "slow")
    world.trigger(fast, "fast")

    for number in range(100):
        assert world.send(id=str(number)).status == 202

    received = fast.wait_for(100, 3)
    assert received[-1].at - slow.received[0].at < 3
