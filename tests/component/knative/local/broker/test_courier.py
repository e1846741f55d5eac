"""How subscribers are reached, and what happens where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from knative.local.broker.courier import HttpCourier
from knative.local.broker.errors import Unreachable


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/", "ftp://x/", "http://[bad/"])
def test_what_cannot_be_posted_to_is_unreachable(world: Any, uri: str) -> None:
    courier = HttpCourier()

    with pytest.raises(Unreachable):
        world.run(courier.post(uri, {}, b"", 1))
    world.run(courier.close())


def test_a_defect_while_delivering_counts_as_a_failed_attempt_and_loses_nothing(
    world: Any, caplog: Any
) -> None:
    """Given a courier with a bug, when an event is delivered, then the sink is told what broke."""
    sink = world.subscriber()
    world.trigger("http://buggy/", delivery={"deadLetterSink": {"uri": sink.url}})
    courier = world.engine._tools.courier
    good = courier.post

    async def buggy(uri: str, *rest: Any) -> Any:
        if "buggy" in uri:
            raise KeyError("bug")
        return await good(uri, *rest)

    courier.post = buggy
    world.send()

    (dead,) = sink.wait_for(1)
    assert dead.attribute("knativeerrorcode") == "500"
    assert "broke" in caplog.text
