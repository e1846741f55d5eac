"""The proxy, with a pool and connections that the test makes up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from knative.local.errors import NotServed
from knative.local.gateway.proxy import Proxy
from knative.local.gateway.targets import Target
from knative.local.gateway.upstream import ConnectionLost

TARGET = Target("service", "default", "web", "/")


class Upstream:
    """A connection that has carried a request before, and breaks off as the next one is sent."""

    used, is_free = True, False

    def __init__(self, sent: list[bytes]) -> None:
        self.sent = sent

    async def send(self, head: bytes, body: bytes, **_: Any) -> None:
        self.sent.append(head)
        raise ConnectionLost("it closed the connection")

    def close(self) -> None:
        pass


class Broken:
    """A connection whose answer has begun when the request turns out to be malformed."""

    used, is_free, status, reason = False, False, 200, b"OK"
    headers: ClassVar[list[tuple[bytes, bytes]]] = []

    async def send(self, head: bytes, body: bytes, **_: Any) -> None:
        pass

    def whole(self) -> None:
        pass

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"begun"
        raise web.RequestPayloadError

    def close(self) -> None:
        pass


class Proxied:
    """A proxy before one process."""

    def __init__(self) -> None:
        self.released: list[Any] = []
        self.replica = SimpleNamespace(port=1, key="k", task=None)
        pool = SimpleNamespace(
            try_acquire=lambda: self.replica,
            release=self.released.append,
            plan=SimpleNamespace(timeout_s=60),
        )
        self.proxy = Proxy(cast(Any, SimpleNamespace(pool_for=lambda *_: pool)))

    def connecting(self, connect: Callable[[int], Any]) -> None:
        self.proxy.upstreams.connect = connect  # type: ignore[method-assign, assignment]


def request(method: str = "GET", **headers: str) -> Any:
    return make_mocked_request(method, "/", CIMultiDict(headers), payload=EMPTY_PAYLOAD)


def test_a_client_that_leaves_while_its_process_is_reached_frees_the_process() -> None:
    async def scenario() -> None:
        world, reached = Proxied(), asyncio.Event()

        async def connect(port: int) -> Any:
            reached.set()
            await asyncio.Event().wait()

        world.connecting(connect)
        serving = asyncio.ensure_future(world.proxy.serve(TARGET, request()))
        await reached.wait()
        serving.cancel()  # as aiohttp does when a client leaves
        with pytest.raises(asyncio.CancelledError):
            await serving

        assert world.released == [world.replica]

    asyncio.run(scenario())


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("DELETE", 1)])
def test_a_request_that_changes_something_is_not_sent_again(method: str, times: int) -> None:
    async def scenario() -> None:
        world = Proxied()
        sent: list[bytes] = []

        async def connect(port: int) -> Any:
            return Upstream(sent)

        world.connecting(connect)
        with pytest.raises(NotServed) as refusal:
            await world.proxy.serve(TARGET, request(method))

        assert refusal.value.status == 502
        assert len(sent) == times
        assert world.released == [world.replica] * times

    asyncio.run(scenario())


def test_an_answer_that_has_begun_is_cut_off_and_not_followed_by_another() -> None:
    async def scenario() -> None:
        world, asked = Proxied(), request("POST")

        async def connect(port: int) -> Any:
            return Broken()

        world.connecting(connect)
        answer = await world.proxy.serve(TARGET, asked)

        assert answer.prepared
        asked.protocol.force_close.assert_called_once_with()

    asyncio.run(scenario())
