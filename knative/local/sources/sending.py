"""Sending a source's event to its sink, and again while the sink is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

_TRIES = 5

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]


async def send_patiently(
    send: Send, uri: str, headers: Mapping[str, str], body: bytes, *, first_wait_s: float
) -> int:
    """Send up to five times, waiting twice as long each time; a status that says no ends it.

    Returns: the last HTTP status; 0 where there was no answer.
    """
    wait_s, status = first_wait_s, 0
    for _ in range(_TRIES):
        try:
            status = await send(uri, headers, body)
        except OSError:
            status = 0
        if 200 <= status < 300 or 400 <= status < 404:
            break
        await asyncio.sleep(wait_s)
        wait_s *= 2
    return status
