"""Asking a process whether it is ready."""

from __future__ import annotations

import asyncio

from knative.local.services.plan import Probe

_PERIOD_S = 0.05


async def until_ready(probe: Probe, port: int) -> None:
    """Return once `probe` succeeds on `port` of this machine; ask every 50 ms. Bound it with a timeout."""
    await asyncio.sleep(probe.initial_delay_s)
    while not await is_ready(probe, port):
        await asyncio.sleep(_PERIOD_S)


async def is_ready(probe: Probe, port: int) -> bool:
    """Ask once, for at most the probe's timeout: a connection, or a status from 200 to 399."""
    try:
        async with asyncio.timeout(probe.timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return probe.path is None or 200 <= await _status(probe, port, reader, writer) < 400
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, EOFError):
        return False


async def _status(probe: Probe, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    lines = [
        f"GET {probe.path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        "User-Agent: kube-probe/1",
    ]
    lines += [f"{name}: {value}" for name, value in probe.headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    first = (await reader.readline()).split(b" ", 2)
    return int(first[1]) if len(first) > 1 else 0
