"""One line per lifecycle event: coloured words on a terminal, JSON elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_LOGGER = logging.getLogger("knative.local")
QUIET = logging.getLogger("knative.local.quiet")
"""For servers that would log a traceback for each client that breaks off or sends what is malformed."""
QUIET.disabled = True
_DIM, _BOLD, _RED, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "what": record.getMessage(), **fields}
        return json.dumps(line, default=str, ensure_ascii=False)


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        rest = " ".join(f"{_DIM}{key}={_RESET}{value}" for key, value in fields.items())
        colour = _RED if record.levelno >= logging.WARNING else _BOLD
        return f"{_DIM}{at}{_RESET} {colour}{record.getMessage():<22}{_RESET} {rest}"


def configure(stream: TextIO | None = None) -> None:
    """Send the lifecycle log to `stream` (standard error when absent), for people when it is a terminal."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Human() if target.isatty() else _Json())
    _LOGGER.handlers = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def info(what: str, **fields: object) -> None:
    """Record that `what` happened, e.g. `info("revision ready", revision="churn-v2", seconds=1.2)`."""
    _LOGGER.info(what, extra={"fields": fields})


def warn(what: str, **fields: object) -> None:
    """Record that `what` went wrong."""
    _LOGGER.warning(what, extra={"fields": fields})
