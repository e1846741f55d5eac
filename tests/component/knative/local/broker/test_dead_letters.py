"""Section F of the broker contract: what becomes of an event that cannot be delivered."""

from __future__ import annotations

import base64
from typing import Any

import pytest


def sink_at(url: str, **delivery: Any) -> dict[str, Any]:
    return {**delivery, "deadLetterSink": {"uri": url}}


def test_59_60_the_triggers_own_sink_gets_the_original_event_with_three_attributes(
    world: Any, answer: Any
) -> None:
    subscriber, sink, brokers = (
        world.subscriber(answer(422, {}, b"no model")),
        world.subscriber(),
        world.subscriber(),
    )
    world.broker(deadLetterSink={"uri": brokers.url})
    world.trigger(subscriber, delivery=sink_at(sink.url))

    world.send(b'{"a": 1}', subject="s", correlationid="c")

    (original,), (dead,) = subscriber.wait_for(1), sink.wait_for(1)
    assert dead.body == b'{"a": 1}'
    for name in ("id", "source", "type", "subject", "correlationid", "knativearrivaltime"):
        assert dead.attribute(name) == original.attribute(name)
    assert dead.attribute("knativeerrordest") == subscriber.url
    assert dead.attribute("knativeerrorcode") == "422"
    assert base64.b64decode(dead.attribute("knativeerrordata")) == b"no model"
    assert brokers.received == []


def test_61_an_unreachable_subscriber_is_named_with_500_and_the_error(world: Any) -> None:
    sink = world.subscriber()
    world.trigger("http://127.0.0.1:9/x", delivery=sink_at(sink.url))

    world.send()

    (dead,) = sink.wait_for(1)
    assert dead.attribute("knativeerrordest") == "http://127.0.0.1:9/x"
    assert dead.attribute("knativeerrorcode") == "500"
    assert base64.b64decode(dead.attribute("knativeerrordata")).startswith(b"dispatch error: Post")


def test_62_an_empty_error_body_gives_an_empty_attribute(world: Any, answer: Any) -> None:
    sink = world.subscriber()
    world.trigger(world.subscriber(answer(400)), delivery=sink_at(sink.url))

    world.send()

    assert sink.wait_for(1)[0].attribute("knativeerrordata") == ""


@pytest.mark.parametrize("size", [768, 769, 1_000_000])
def test_67_a_long_error_body_is_cut_to_1024_characters(world: Any, answer: Any, size: int) -> None:
    sink = world.subscriber()
    world.trigger(world.subscriber(answer(400, {}, b"e" * size)), delivery=sink_at(sink.url))

    world.send()

    assert len(sink.wait_for(1)[0].attribute("knativeerrordata")) == 1024


def test_63_the_sink_is_retried_by_the_same_rules(world: Any, answer: Any, until: Any) -> None:
    subscriber, sink = world.subscriber(answer(400)), world.subscriber(answer(503), answer(204))
    world.trigger(subscriber, delivery=sink_at(sink.url, retry=1))

    world.send()

    first, second = sink.wait_for(2)
    assert first.attribute("knativeerrorcode") == second.attribute("knativeerrorcode") == "400"
    until(lambda: world.metric("kascade_broker_dead_lettered_total") == 1)


def test_64_65_an_event_that_no_sink_takes_is_parked_and_visible_and_can_be_redriven(
    world: Any, answer: Any, until: Any
) -> None:
    """Given a subscriber and a sink that fail, the event rests; when both work, redriving delivers it."""
    subscriber, sink = world.subscriber(answer(400, {}, b"bug"), answer(204)), world.subscriber(answer(500))
    world.trigger(subscriber, delivery=sink_at(sink.url, retry=1))

    assert world.send(b"kept").status == 202

    until(lambda: world.metric("kascade_broker_parked_total") == 1)
    world.stop()
    world.start()
    (parked,) = world.run(world.engine.parked())
    assert (parked.trigger, parked.body, parked.headers["ce-id"]) == ("kascade/all", b"kept", "1")
    assert parked.error["ce-knativeerrorcode"] == "400"
    assert world.run(world.engine.redrive("kascade", "all")) == 1
    assert subscriber.wait_for(2)[1].body == b"kept"
    assert world.run(world.engine.parked()) == []


def test_an_event_without_any_sink_is_parked_too_and_can_be_discarded(
    world: Any, answer: Any, until: Any
) -> None:
    world.trigger(world.subscriber(answer(400)))

    world.send()

    until(lambda: world.metric("kascade_broker_parked_total") == 1)
    (parked,) = world.run(world.engine.parked())
    assert world.run(world.engine.discard([parked.id, 999])) == 1
    assert world.run(world.engine.parked()) == []


def test_a_sink_that_is_configured_later_gets_what_was_on_its_way_to_another(world: Any, answer: Any) -> None:
    dead, alive = "http://127.0.0.1:9/", world.subscriber()
    subscriber = world.subscriber(answer(400))
    world.trigger(
        subscriber, delivery=sink_at(dead, retry=1000, backoffDelay="PT0.05S", backoffPolicy="linear")
    )
    world.send()
    subscriber.wait_for(1)

    world.trigger(subscriber, delivery=sink_at(alive.url, retry=1))

    alive.wait_for(1)
