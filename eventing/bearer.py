"""Authenticates the sender to a sink: a token in a file, as Kubernetes projects one for an audience.

The file is read at each request, since the token in it is replaced before it expires. What is in it is never
part of an error or a log.
"""

from __future__ import annotations

import re
from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class NoToken(Exception):
    """There is no token to send with; the message names the file and says why."""


class TokenFile:
    """A file that holds a bearer token."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def authorization(self) -> str:
        """Return the value of the header `Authorization` (RFC 6750, section 2.1).

        Raises:
            NoToken: the file cannot be read, or holds something else.
        """
        try:
            token = self._path.read_bytes().decode("ascii", "replace").strip()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise NoToken(f"SINK_TOKEN_FILE {self._path} cannot be read: {why}") from error
        if not _TOKEN.fullmatch(token):
            raise NoToken(f"SINK_TOKEN_FILE {self._path} holds no token")
        return f"Bearer {token}"
