"""Connections whose clients keep silent, come too many, or belong to somebody else; with short times."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web

from knative.local.gateway.connections import BodyStalled, Connection, Limits, Server

pytestmark = pytest.mark.slow

SHORT = Limits(head_s=0.2, silence_s=0.2, connections=3)
Talk = Callable[[int], Awaitable[None]]


def served(talk: Talk, limits: Limits = SHORT, *, foreign: bool = False) -> list[str]:
    """Serve while `talk` speaks to a port; return what became of the requests."""
    heard: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request.protocol, Connection)
        try:
            heard.append(f"{len(await request.content.read())} foreign={request.protocol.foreign}")
        except BodyStalled as error:
            heard.append(str(error))
        return web.Response(text="heard\n")

    async def run() -> None:
        server = Server(answer, limits, lambda _: foreign)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        try:
            async with asyncio.timeout(20):
                await talk(listener.getsockname()[1])
        finally:
            await runner.cleanup()

    asyncio.run(run())
    return heard


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def said(port: int, *pieces: bytes) -> bytes:
    """Say something; return all that is answered until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    heard = await reader.read()
    await close(writer)
    return heard


@pytest.mark.case("T8", "half-sent requests stay open")
@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_who_does_not_send_a_whole_head_is_closed(beginning: bytes) -> None:
    async def talk(port: int) -> None:
        assert await said(port, beginning) == b""

    assert served(talk) == []


@pytest.mark.case("T8", "a head that drips")
def test_a_head_that_drips_is_closed_all_the_same() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        closed = asyncio.ensure_future(reader.read())
        while not closed.done():
            writer.write(b"x")
            await asyncio.wait({closed}, timeout=0.05)
        assert await closed == b""
        await close(writer)

    assert served(talk) == []


@pytest.mark.case("S5", "200 half-sent bodies are still open after 80 s")
@pytest.mark.parametrize("head", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_a_body_of_which_no_more_comes_is_given_up(head: bytes) -> None:
    async def talk(port: int) -> None:
        heard = await said(port, b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
        assert b"heard" in heard

    assert served(talk) == ["nothing more of it came for 0.2 s"]


def test_a_connection_that_is_idle_between_requests_stays() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"heard" in await reader.readuntil(b"heard\n")
            await asyncio.sleep(1.5)  # the sweep has passed meanwhile
        await close(writer)

    assert served(talk) == ["0 foreign=False"] * 2


@pytest.mark.case("S5", "number of connections")
def test_more_connections_than_are_taken_are_told_to_come_again() -> None:
    async def talk(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        heard = await said(port)
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert heard.partition(b"\r\n\r\n")[2] == b"the gateway has too many connections\n"
        assert b"Content-Length: %d\r\n" % len(b"the gateway has too many connections\n") in heard
        for _, writer in held:
            await close(writer)
            await writer.wait_closed()
        while not (await said(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        ):
            await asyncio.sleep(0.01)

    assert served(talk, Limits(connections=3)) == ["0 foreign=False"]


def test_a_connection_knows_whether_another_user_made_it() -> None:
    async def talk(port: int) -> None:
        await said(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert served(talk, foreign=True) == ["0 foreign=True"]
