"""Serve an application with gunicorn, as the container of every function does.

`HOST` and `PORT` say where, `KASCADE_THREADS` how many requests are handled at a time, `KASCADE_LOG_LEVEL`
how much is logged. On SIGTERM it takes no new connections and finishes the requests it has.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from gunicorn.app.base import BaseApplication

from eventing.attributes import MAX_ATTRIBUTE_BYTES
from eventing.callers import wsgi_for_gateway

DRAIN_S = 30
_HEADER_BYTES = 3 * MAX_ATTRIBUTE_BYTES + 256  # every byte percent-encoded, and the name


class ServingError(Exception):
    """The server's variables are wrong; the message says which."""


def serve(factory: str, env: Mapping[str, str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        factory: `<module>:<callable>`; it is called once, in the worker, and returns a WSGI application.
        env: HOST (0.0.0.0), PORT (8080), KASCADE_THREADS (4), KASCADE_LOG_LEVEL (info); GATEWAY_KEY, where
            requests must show it (`eventing.callers`).

    Raises:
        ServingError: PORT or KASCADE_THREADS is not a number in its range.
    """
    given = os.environ if env is None else env
    _Server(factory, given, options(given)).run()


def options(env: Mapping[str, str]) -> dict[str, Any]:
    """Return gunicorn's settings.

    Raises:
        ServingError: naming every variable that is wrong.
    """
    problems: list[str] = []
    port = _number(env, "PORT", 8080, 65535, problems)
    threads = _number(env, "KASCADE_THREADS", 4, 1000, problems)
    level = env.get("KASCADE_LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        problems.append(f"KASCADE_LOG_LEVEL must be debug, info, warning or error, not {level!r}")
    if problems:
        raise ServingError("; ".join(problems))
    return {
        "bind": f"{env.get('HOST') or '0.0.0.0'}:{port}",  # noqa: S104 a container's own address
        "worker_class": "eventing.draining.DrainingWorker",
        "workers": 1,
        "threads": threads,
        "timeout": 0,  # the broker limits how long a delivery takes, not the server
        "graceful_timeout": DRAIN_S,
        "keepalive": 75,  # longer than callers keep idle connections, so that they close first
        "limit_request_field_size": _HEADER_BYTES,
        "accesslog": None,
        "control_socket_disable": True,
        "logconfig_dict": _logging(level),
    }


def _number(env: Mapping[str, str], name: str, default: int, most: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= most:
        return int(text)
    problems.append(f"{name} must be a whole number from 1 to {most}, not {text!r}")
    return default


def _logging(level: str) -> dict[str, Any]:
    handlers = {
        "json": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"},
    }
    server = {"level": "WARNING", "handlers": ["json"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "eventing.logs.JsonFormatter"}},
        "handlers": handlers,
        "root": {"level": level.upper(), "handlers": ["json"]},
        "loggers": {"gunicorn.error": server, "gunicorn.access": server},
    }


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn without its command line and configuration files."""

    def __init__(self, factory: str, env: Mapping[str, str], settings: Mapping[str, Any]) -> None:
        self._factory = factory
        self._env = env
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        module, _, name = self._factory.partition(":")
        return wsgi_for_gateway(getattr(importlib.import_module(module), name)(), self._env)
