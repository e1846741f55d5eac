"""Section G of the broker contract: which events a trigger passes on. Each dialect has its own unit tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("spec", "passed"),
    [
        ({}, ["a", "b", "c"]),
        ({"filter": {"attributes": {"type": "order.created"}}}, ["a"]),
        ({"filter": {"attributes": {"subject": ""}}}, ["a", "b"]),
        ({"filter": {"attributes": {"type": "order.created"}}, "filters": []}, ["a"]),
        ({"filter": {"attributes": {"type": "order.created"}}, "filters": [{"exact": {"id": "b"}}]}, ["b"]),
        ({"filters": [{"prefix": {"type": "order."}}, {"suffix": {"subject": "/v2"}}]}, ["b"]),
        ({"filters": [{"any": [{"exact": {"id": "a"}}, {"exact": {"id": "c"}}]}]}, ["a", "c"]),
        ({"filters": [{"all": [{"prefix": {"type": "order."}}, {"not": {"exact": {"id": "a"}}}]}]}, ["b"]),
        ({"filters": [{"exact": {"num": "5"}}]}, ["c"]),
        ({"filters": [{"exact": {"subject": "café/v1"}}]}, ["a"]),
        ({"filters": [{"cesql": "num > 4 OR subject LIKE 'caf_/%'"}]}, ["c"]),
        ({"filters": [{"not": {"cesql": "num > 4"}}]}, ["a", "b"]),
        ({"filters": [{"not": {"suffix": {"subject": "/v2"}}}]}, ["a", "c"]),
    ],
)
def test_68_to_74_a_trigger_passes_on_what_its_filters_say(
    world: Any, spec: dict[str, Any], passed: list[str]
) -> None:
    subscriber, everything = world.subscriber(), world.subscriber()
    world.trigger(subscriber, "filtered", **spec)
    world.trigger(everything, "everything")

    world.send(id="a", type="order.created", subject="caf%C3%A9/v1")
    world.send(id="b", type="order.paid", subject="x/v2")
    event = {"specversion": "1.0", "id": "c", "type": "Order.created", "source": "/s", "num": 5}
    world.send_structured({**event, "data": {"id": "a"}})

    everything.wait_for(3)
    received = subscriber.wait_for(len(passed))
    assert sorted(each.attribute("id") for each in received) == passed


def test_79_filters_do_not_see_data(world: Any) -> None:
    by_data, everything = world.subscriber(), world.subscriber()
    world.trigger(by_data, "by-data", filters=[{"cesql": "EXISTS customer OR EXISTS data"}])
    world.trigger(everything, "everything")

    world.send(b'{"customer": 1}')

    everything.wait_for(1)
    assert by_data.received == []
