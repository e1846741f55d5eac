"""A subscriber that costs little: answers 204, counts, and keeps the time each event took to reach it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import cast

import httptools
import uvloop


class Tally:
    """What has arrived since the last report."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        self.count = 0
        self.latencies_ms: list[float] = []
        self.last = 0


class Connection(asyncio.Protocol):
    """One connection; `GET /` reports and starts anew, `GET /count` only counts, `GET /ids` also names."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.headers: dict[bytes, bytes] = {}
        self.url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_message_complete(self) -> None:
        headers, self.headers = self.headers, {}
        if self.parser.get_method() == b"GET":
            self._report(whole=self.url == b"/")
            return
        now, tally = time.monotonic_ns(), self.tally
        tally.count += 1
        tally.last = now
        tally.ids.add(headers[b"ce-id"])
        tally.latencies_ms.append((now - int(headers[b"ce-sentns"])) / 1e6)
        self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    def _report(self, *, whole: bool) -> None:
        tally = self.tally
        report: dict[str, object] = {"count": tally.count, "distinct": len(tally.ids)}
        if self.url == b"/ids":
            report["ids"] = [each.decode() for each in tally.ids]
        if whole:
            report |= {"latencies_ms": tally.latencies_ms, "last": tally.last}
            tally.__init__()  # type: ignore[misc]
        body = json.dumps(report).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


async def serve() -> None:
    """Serve on a free port, printed first."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
