"""Writes what several threads bring at once in one go: one transaction for twenty costs as one for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Write = Callable[[Sequence[Item]], Sequence[Exception | None]]
"""Writes items; returns for each, in order, why it is refused, or None. What it raises is about all."""


@dataclass
class _Waiting(Generic[Item]):
    item: Item
    written: bool = False
    error: Exception | None = None


class Together(Generic[Item]):
    """Threads that come while others write are written by the next of them, all at once."""

    def __init__(self, write: Write[Item]) -> None:
        self._write = write
        self._waiting: list[_Waiting[Item]] = []
        self._noting, self._writing = threading.Lock(), threading.Lock()

    def put(self, item: Item) -> None:
        """Return once the item is written. Raises: what its writing raised, or why it was refused."""
        own = _Waiting(item)
        with self._noting:
            self._waiting.append(own)
        with self._writing:
            if not own.written:
                self._write_all()
        if own.error is not None:
            raise own.error

    def _write_all(self) -> None:
        with self._noting:
            batch, self._waiting = self._waiting, []
        try:
            errors = self._write([each.item for each in batch])
        except Exception:
            # One of them may be at fault: then it alone fails.
            errors = [self._alone(each.item) for each in batch]
        for each, error in zip(batch, errors, strict=True):
            each.written, each.error = True, error

    def _alone(self, item: Item) -> Exception | None:
        try:
            return self._write([item])[0]
        except Exception as error:
            return error
