"""A stream over an object that detects when the object was replaced meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

BUFFER_BYTES = 1 << 20


class Body(Protocol):
    """Where the bytes come from."""

    def read(self, amount: int, /) -> bytes:
        """Return up to `amount` bytes; none at the end."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class _Guarded(io.RawIOBase):
    """Reads a body and, before it reports the end, asks `verify` whether that was the whole of it."""

    def __init__(
        self, body: Body, verify: Callable[[], None], failed: Callable[[Exception], Exception]
    ) -> None:
        super().__init__()
        self._body = body
        self._verify = verify
        self._failed = failed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            chunk = self._body.read(len(buffer))
        except Exception as error:
            raise self._failed(error) from error
        if not chunk:
            self._verify()
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


def guarded(body: Body, *, verify: Callable[[], None], failed: Callable[[Exception], Exception]) -> BinaryIO:
    """Return a buffered stream over `body`.

    Args:
        body: the bytes.
        verify: called at the end of the body; raises what the reader shall get instead of the end.
        failed: turns an error of the body into the one that the reader shall get.
    """
    return cast(BinaryIO, io.BufferedReader(_Guarded(body, verify, failed), BUFFER_BYTES))
