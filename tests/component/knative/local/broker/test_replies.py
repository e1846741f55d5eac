"""Section D of the broker contract: an event in the answer is a new event."""

from __future__ import annotations

import json
from typing import Any

import pytest

REPLY = {"specversion": "1.0", "id": "r", "source": "/replier", "type": "dev.kascade.replied", "subject": "s"}
BINARY = {f"ce-{name}": value for name, value in REPLY.items()} | {"content-type": "text/plain"}
REPLIED = {"attributes": {"type": "dev.kascade.replied"}}
TESTED = {"attributes": {"type": "dev.kascade.tested"}}


def wire(world: Any, reply: Any, **spec: Any) -> tuple[Any, Any]:
    """One trigger to the replier, another one from it to whoever listens to its replies."""
    replier, listener = world.subscriber(reply), world.subscriber()
    world.trigger(replier, "replier", filter=TESTED, **spec)
    world.trigger(listener, "listener", filter=REPLIED)
    return replier, listener


def test_37_a_binary_reply_is_published(world: Any, answer: Any) -> None:
    _, listener = wire(world, answer(200, BINARY, b"data"))

    world.send()

    (received,) = listener.wait_for(1)
    assert {name: received.attribute(name) for name in REPLY} == REPLY
    assert received.body == b"data"


def test_37_a_structured_reply_is_published(world: Any, answer: Any) -> None:
    body = json.dumps({**REPLY, "data": {"a": 1}}).encode()
    _, listener = wire(world, answer(200, {"content-type": "application/cloudevents+json"}, body))

    world.send()

    assert listener.wait_for(1)[0].body == b'{"a": 1}'


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_38_any_2xx_carries_a_reply_as_in_knatives_code(world: Any, answer: Any, status: int) -> None:
    _, listener = wire(world, answer(status, BINARY, b"x"))

    world.send()

    listener.wait_for(1)


@pytest.mark.parametrize("status", [201, 202])
def test_38_only_200_carries_a_reply_when_the_specification_is_asked_for(
    world: Any, answer: Any, until: Any, status: int
) -> None:
    world.stop()
    world.start(reply_statuses="200")
    _, listener = wire(world, answer(status, BINARY, b"x"))

    world.send()

    until(lambda: world.metric("kascade_broker_deliveries_total") == 1)
    assert listener.received == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_39_46_a_2xx_without_event_and_body_is_delivered(
    world: Any, answer: Any, until: Any, status: int
) -> None:
    world.trigger(world.subscriber(answer(status)))

    world.send()

    until(lambda: world.metric("kascade_broker_deliveries_total") == 1)
    until(lambda: world.engine.backlog()["kascade", "all", "subscriber"] == 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"ce-id": "1", "ce-type": "t"},
        {"content-type": "application/cloudevents+json"},
    ],
)
def test_40_67_a_2xx_with_something_else_is_a_failed_delivery_and_says_so(
    world: Any, answer: Any, headers: dict[str, str]
) -> None:
    subscriber, sink = world.subscriber(answer(200, headers, b"hello")), world.subscriber()
    world.trigger(subscriber, delivery={"retry": 1, "deadLetterSink": {"uri": sink.url}})

    world.send()

    (dead,) = sink.wait_for(1)
    assert len(subscriber.received) == 2
    assert dead.attribute("knativeerrorcode") == "502"
    assert dead.attribute("knativeerrordata")


def test_42_headers_of_the_answer_go_along_with_the_reply_in_the_trace_of_its_cause(
    world: Any, answer: Any
) -> None:
    _, listener = wire(world, answer(200, {**BINARY, "X-Request-Id": "r-9", "Set-Cookie": "a=b"}))
    trace = "00-11111111111111111111111111111111-2222222222222222-01"

    world.send(headers={"traceparent": trace})

    (received,) = listener.wait_for(1)
    assert (received.headers["x-request-id"], received.headers["traceparent"]) == ("r-9", trace)
    assert "set-cookie" not in received.headers


def test_43_a_large_reply_is_delivered_exactly_once(world: Any, answer: Any) -> None:
    _, listener = wire(world, answer(200, BINARY, b"x" * 36_864))

    world.send()

    assert [len(each.body) for each in listener.wait_for(1)] == [36_864]


def fill(world: Any) -> None:
    """Fill the log until it takes no more events of the size of the reply."""
    while world.send(b"x" * 40_000, type="filler").status == 202:
        pass
    while world.send(b"x" * 2_000, type="filler").status == 202:
        pass


def start_small(world: Any, answer: Any, **settings: Any) -> None:
    """A broker whose log will be full, and a trigger that fills it."""
    world.stop()
    world.trigger(
        "http://127.0.0.1:9/",
        "filler",
        filter={"attributes": {"type": "filler"}},
        delivery={"retry": 1000, "backoffDelay": "PT60S"},
    )
    world.start(max_log_bytes=400_000, **settings)


def test_41_a_reply_that_cannot_be_stored_is_tried_again_and_then_the_event_is_dead_lettered(
    world: Any, answer: Any
) -> None:
    """Given a full log, when a subscriber replies, it is called once and the original goes to the sink."""
    start_small(world, answer)
    sink = world.subscriber()
    delivery = {"retry": 2, "backoffDelay": "PT0.05S", "deadLetterSink": {"uri": sink.url}}
    replier, listener = wire(world, answer(200, BINARY, b"x" * 100_000, after_s=1.0), delivery=delivery)
    world.send(b"y" * 20_000)
    fill(world)

    (dead,) = sink.wait_for(1)

    assert (len(replier.received), listener.received) == (1, [])
    assert dead.attribute("type") == "dev.kascade.tested"
    assert dead.attribute("knativeerrorcode") == "500"
    assert (dead.attribute("knativeerrordest") or "").endswith("/kascade/default")


def test_41_the_subscriber_is_called_again_when_the_specification_is_asked_for(
    world: Any, answer: Any
) -> None:
    start_small(world, answer, refused_reply="redeliver")
    sink = world.subscriber()
    delivery = {"retry": 2, "backoffDelay": "PT0.05S", "deadLetterSink": {"uri": sink.url}}
    replier, _ = wire(world, answer(200, BINARY, b"x" * 100_000, after_s=1.0), delivery=delivery)
    world.send(b"y" * 20_000)
    fill(world)

    sink.wait_for(1)

    assert len(replier.received) == 3
