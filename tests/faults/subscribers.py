"""Real subscribers on one port, each with its own way to answer, and what has reached them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

ASKED, REPLIED = "dev.kascade.faults.asked", "dev.kascade.faults.replied"
FAILS_FIRST = 2
_SLOW_S = 0.03


class Subscribers:
    """Listens until the block ends; `got[path]` counts the ids of the events that a path has answered 2xx."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.got: dict[str, Counter[str]] = {}
        self.tried: dict[str, Counter[str]] = {}
        self.events: list[tuple[str, dict[str, str], bytes]] = []
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start listening on a free port."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, 0, backlog=512).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def url(self, path: str) -> str:
        """Return the address of the subscriber of this name."""
        return f"http://{self._host}:{self.port}/{path}"

    def ids(self, path: str) -> set[str]:
        """Return the ids that a subscriber has taken."""
        return set(self.got.get(path, ()))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, id_ = request.path.strip("/"), request.headers.get("ce-id", "")
        body = await request.content.read()
        self.tried.setdefault(path, Counter())[id_] += 1
        tried = self.tried[path][id_]
        answer: Callable[[], Any] | None = getattr(self, f"_{path}", None)
        if path == "failing" and tried <= FAILS_FIRST:
            return web.Response(status=503)
        if path == "refusing":
            return web.Response(status=400, text="not for me")
        if path == "mute":
            await asyncio.sleep(3600)
        if path == "endless":
            return await self._endless(request)
        if path == "plain":
            await asyncio.sleep(_SLOW_S)
        self.got.setdefault(path, Counter())[id_] += 1
        self.events.append((path, {name.lower(): value for name, value in request.headers.items()}, body))
        if path == "replying":
            headers = {"specversion": "1.0", "id": f"{id_}-reply", "source": "/faults", "type": REPLIED}
            return web.Response(headers={f"ce-{name}": value for name, value in headers.items()})
        assert answer is None
        return web.Response(status=204)

    async def _endless(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)


def wait_until(condition: Callable[[], bool], deadline_s: float, says: Callable[[], str]) -> None:
    """Wait for a condition; fail after the deadline with what `says` returns."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(says())
        time.sleep(0.02)
