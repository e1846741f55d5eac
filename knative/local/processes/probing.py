"""Readiness probes as queue-proxy, the kubelet and the activator make them.

Without a period Knative asks all the time until the answer is yes: an attempt of at most 100 ms every 50 ms.
With one the kubelet asks once a period, and the activator every 200 ms while requests wait for the process.
Later the kubelet goes on: so many failures in a row (3) mean no more requests until the next success. Only
with a period, here: without one a kubelet asks every 10 s, and on a busy machine such a probe fails for being
late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from knative.local.services.plan import Probe

_AGGRESSIVE_S, _AGGRESSIVE_TIMEOUT_S = 0.05, 0.1
_ACTIVATOR_S = 0.2

Awaited = Callable[[], bool]
"""Tells whether requests wait for the process."""


async def until_ready(probe: Probe, port: int, awaited: Awaited) -> None:
    """Return once `probe` succeeds on `port` of this machine. Bound it with a timeout."""
    await _pause(probe.initial_delay_s, awaited)
    successes = 0
    while True:
        successes = successes + 1 if await is_ready(probe, port) else 0
        if successes >= probe.success_threshold or (successes and awaited()):
            return
        await _pause(probe.period_s or _AGGRESSIVE_S, awaited)


async def watch_readiness(
    probe: Probe, port: int, awaited: Awaited, on_change: Callable[[bool], None]
) -> None:
    """Probe a process that was ready for as long as it runs; report when that changes."""
    ready, failures = True, 0
    while probe.period_s:
        await _pause(probe.period_s, _nobody if ready else awaited)
        succeeded = await is_ready(probe, port)
        failures = 0 if succeeded else failures + 1
        if succeeded != ready and (succeeded or failures >= probe.failure_threshold):
            ready = succeeded
            on_change(ready)


async def is_ready(probe: Probe, port: int) -> bool:
    """Ask once: a connection, or a status from 200 to 399, within the time that the probe has."""
    try:
        async with asyncio.timeout(probe.timeout_s if probe.period_s else _AGGRESSIVE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return probe.path is None or 200 <= await _status(probe, port, reader, writer) < 400
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, EOFError):
        return False


def _nobody() -> bool:
    return False


async def _pause(seconds: float, awaited: Awaited) -> None:
    """Wait for so long, or a shorter while when requests wait."""
    left = seconds
    while left > 0:
        step = min(left, _ACTIVATOR_S)
        await asyncio.sleep(step)
        left -= step
        if awaited():
            return


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
