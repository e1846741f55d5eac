"""Posts batches of predictions to the sink over a connection that stays open.

`eventing.sink` would do the same and more, but imports some 150 ms of libraries into a process that starts in
180 ms. The standard library's client is there already, for the model's file.
"""

from __future__ import annotations

import http.client
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

TIMEOUT_S = 10.0
RETRIED = frozenset({404, 408, 409, 425, 429})


class NotTaken(Exception):
    """The sink did not take a batch; `final` says that it never will."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True)
class Batch:
    """One event to be: its id, its JSON, how many rows are in it and when it was made."""

    id: str
    body: bytes
    rows: int
    at: datetime

    @classmethod
    def of(cls, body: bytes, rows: int) -> Batch:
        """Make a batch with a fresh id, which it keeps however often it is sent."""
        return cls(str(uuid.uuid4()), body, rows, datetime.now(UTC))


class Poster:
    """Sends batches as CloudEvents in binary mode (CloudEvents 1.0, HTTP protocol binding).

    Args:
        sink: http or https URL.
        type_: the events' type.
        source: the events' source.
        subject: the events' subject.
    """

    def __init__(self, sink: str, *, type_: str, source: str, subject: str) -> None:
        parts = urlsplit(sink)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._headers = {
            "Content-Type": "application/json",
            "ce-specversion": "1.0",
            "ce-type": type_,
            "ce-source": source,
            "ce-subject": subject,
        }

    def send(self, batch: Batch) -> None:
        """Send one batch once. Raises: NotTaken."""
        time = batch.at.isoformat().replace("+00:00", "Z")
        headers = {**self._headers, "ce-id": batch.id, "ce-time": time, "ce-correlationid": batch.id}
        try:
            self._connection.request("POST", self._path, batch.body, headers)
            response = self._connection.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        if response.status >= 300:
            final = response.status not in RETRIED and response.status < 500
            raise NotTaken(f"{response.status}: {said[:300].decode(errors='replace')}", final=final)

    def close(self) -> None:
        """Close the connection; the next batch opens it again."""
        self._connection.close()
