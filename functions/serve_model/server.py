"""The HTTP server, which knows how long it has been ending."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import FrameType

import uvicorn

from eventing.callers import asgi_for_gateway
from functions.serve_model.asgi import Application
from functions.serve_model.settings import Settings


class Server(uvicorn.Server):
    """Serves until SIGTERM, and answers what is under way within the drain time."""

    def __init__(self, app: Application, settings: Settings, env: Mapping[str, str]) -> None:
        super().__init__(
            uvicorn.Config(
                asgi_for_gateway(app, env),
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=settings.drain_s,
            )
        )
        self._ends_at_s: float | None = None
        self._drain_s = settings.drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if self._ends_at_s is None:
            self._ends_at_s = time.monotonic() + self._drain_s
        super().handle_exit(sig, frame)

    def left_s(self) -> float:
        """Return the seconds left of the drain time, and a last one when it is used up."""
        if self._ends_at_s is None:
            return float(self._drain_s)
        return max(1.0, self._ends_at_s - time.monotonic())
