"""Section B of the broker contract: an event does not go round for ever."""

from __future__ import annotations

from typing import Any

import pytest

REPLY = {
    f"ce-{key}": value
    for key, value in {"specversion": "1.0", "id": "r", "source": "/r", "type": "t"}.items()
}


@pytest.mark.parametrize(("ttl", "status"), [("1", 400), ("0", 400), ("-3", 400), ("2", 202), ("many", 202)])
def test_17_18_a_ttl_is_counted_down_at_the_ingress(world: Any, ttl: str, status: int) -> None:
    assert world.send(knativebrokerttl=ttl).status == status


def test_19_22_only_the_dead_letter_event_carries_the_ttl(world: Any, answer: Any) -> None:
    subscriber, sink = world.subscriber(answer(400)), world.subscriber()
    world.trigger(subscriber, delivery={"deadLetterSink": {"uri": sink.url}})

    world.send()
    world.send(knativebrokerttl="7")

    assert [each.attribute("knativebrokerttl") for each in subscriber.wait_for(2)] == [None, None]
    assert sorted(each.attribute("knativebrokerttl") or "" for each in sink.wait_for(2)) == ["255", "6"]


@pytest.mark.parametrize(("ttl", "calls"), [(None, 255), ("5", 4)])
def test_20_a_subscriber_that_answers_itself_is_called_until_the_ttl_is_used_up(
    world: Any, answer: Any, ttl: str | None, calls: int
) -> None:
    subscriber, sink = world.subscriber(answer(200, REPLY)), world.subscriber()
    world.trigger(subscriber, delivery={"deadLetterSink": {"uri": sink.url}})

    world.send(knativebrokerttl=ttl)

    (dead,) = sink.wait_for(1, 30)
    assert len(subscriber.received) == calls
    assert dead.attribute("knativeerrorcode") == "400"
    assert (dead.attribute("knativeerrordest") or "").endswith("/kascade/default")
