"""One process of a revision, as its pool sees it, and who starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Running(Protocol):
    """A started process that listens on `port`, and takes requests that show `key`."""

    port: int
    key: str

    async def ready(self, awaited: Callable[[], bool]) -> None:
        """Return once it is ready for requests; `awaited` tells whether some wait for it."""
        ...

    async def watch(self, awaited: Callable[[], bool], on_change: Callable[[bool], None]) -> None:
        """Report whenever it is no longer ready, and when it is again, until cancelled."""
        ...

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        ...

    async def stop(self, grace_s: float) -> int:
        """End it, gently for `grace_s` seconds; return its exit code."""
        ...


class Launcher(Protocol):
    """Starts the processes of one revision."""

    async def launch(self) -> Running:
        """Start one more; raises CannotStart, OSError or ValueError."""
        ...

    def last_lines(self) -> str:
        """Return the last lines the processes wrote."""
        ...


@dataclass(eq=False)
class Replica:
    """One process and the requests it has in hand."""

    running: Running | None = None
    port: int = 0
    key: str = field(default="", repr=False)
    ready: bool = False
    was_ready: bool = False
    draining: bool = False
    in_flight: int = 0
    idle_since: float = 0.0
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


@dataclass
class Failure:
    """Why no replica became ready."""

    reason: str
    message: str
