"""Log files of processes: bounded in size, and their last lines for messages."""

from __future__ import annotations

import shutil
from pathlib import Path

from knative.local.log import warn

MAX_BYTES = 8 << 20


def rotate(log: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move the content of a log beyond `max_bytes` to `<log>.1`; writers keep their open file.

    A log that cannot be moved, on a full disk say, stays as it is, with a warning.
    """
    try:
        if not log.exists() or log.stat().st_size <= max_bytes:
            return
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:
            file.truncate(0)
    except OSError as error:
        warn("log not rotated", log=log, error=str(error))


def last_lines(log: Path, count: int = 5, max_bytes: int = 4096) -> str:
    """Return the last `count` lines of a log, empty when it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - max_bytes))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])
