"""How subscribers are reached, and what happens where they are not."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from typing import Any

import pytest

from knative.local.broker.courier import HttpCourier
from knative.local.broker.errors import Unreachable

EVENT = "ce-id: 1\r\nce-type: t\r\nce-source: /s\r\nce-specversion: 1.0\r\n"


class Endless:
    """A subscriber that never ends its answer."""

    def __init__(self, head: str, every_s: float) -> None:
        self.head = head
        self.every_s = every_s
        self.url = ""
        self.sent = 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {self.head}Content-Length: 1000000000000\r\n\r\n".encode())
        try:
            while True:
                writer.write(b"x" * (1 if self.every_s else 1 << 18))
                await writer.drain()
                self.sent += 1
                await asyncio.sleep(self.every_s)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
def endless(world: Any) -> Iterator[Any]:
    made: list[Endless] = []

    def start(head: str, every_s: float = 0.0) -> Endless:
        subscriber = Endless(head, every_s)
        world.run(subscriber.start())
        made.append(subscriber)
        return subscriber

    yield start
    for each in made:
        world.on_loop(each.server.close)


@pytest.mark.case("T3", "answers without an end")
@pytest.mark.parametrize(
    ("head", "code"),
    [("500 No\r\n", "500"), ("400 No\r\n", "400"), ("200 OK\r\n", "502"), (f"200 OK\r\n{EVENT}", "500")],
)
def test_of_an_endless_answer_only_what_is_of_use_is_read(
    world: Any, endless: Any, monkeypatch: pytest.MonkeyPatch, head: str, code: str
) -> None:
    monkeypatch.setattr("knative.local.broker.courier._MOST_OF_A_REPLY", 4 << 20)
    sink = world.subscriber()
    world.trigger(endless(head).url, delivery={"deadLetterSink": {"uri": sink.url}})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    world.send()

    (dead,) = sink.wait_for(1)
    assert dead.attribute("knativeerrorcode") == code
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.case("T3", "a refusal whose body trickles")
def test_the_rest_of_a_refusal_is_not_waited_for(
    world: Any, endless: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knative.local.broker.courier._REFUSAL_WITHIN_S", 0.3)
    sink = world.subscriber()
    world.trigger(endless("422 No\r\n", every_s=0.1).url, delivery={"deadLetterSink": {"uri": sink.url}})

    world.send()

    (dead,) = sink.wait_for(1, 5)
    assert dead.attribute("knativeerrorcode") == "422"
    assert dead.attribute("knativeerrordata")


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
