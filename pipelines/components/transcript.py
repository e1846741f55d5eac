"""The end of what a step prints, so that a failure can show it to people who do not reach the step's log."""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import TextIO

from eventing.catalogue.training import MAX_LOG_CHARS
from pipelines.errors import TrainingError

_MAX_PIECES = 400


class _Copying:
    """A stream that also keeps what is written to it."""

    def __init__(self, stream: TextIO, kept: deque[str]) -> None:
        self._stream = stream
        self._kept = kept

    def write(self, text: str) -> int:
        self._kept.append(text[-MAX_LOG_CHARS:])
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class Transcript:
    """While it is entered, keeps the end of what Python code prints; what programs print is not seen."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=_MAX_PIECES)

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        sys.stdout = _Copying(sys.stdout, self._kept)
        sys.stderr = _Copying(sys.stderr, self._kept)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout, sys.stderr = self._before

    def end(self, error: Exception) -> str:
        """Return it with the error's traceback, unless the error was reported on purpose; its end if long."""
        log = "".join(self._kept)
        if not isinstance(error, TrainingError):
            log += "".join(traceback.format_exception(error))
        return log[-MAX_LOG_CHARS:].strip()
