"""Posts batches of predictions to the sink over a connection that stays open.

`eventing.sink` would do the same and more, but imports some 150 ms of libraries into a process that starts in
180 ms. The standard library connects; the server's own parser reads the answers, for a third of what
`http.client` takes of a batch. An https sink is verified against the system's CAs and those in `K_CA_CERTS`.
A sink that asks for authentication is sent the token of a file; its refusal (401) is not final.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httptools

from eventing.attributes import encode_header
from eventing.bearer import NoToken, TokenFile
from eventing.tls import distrust, trusting

RETRIED = frozenset({404, 408, 409, 425, 429})
_QUOTED_BYTES = 300


class NotTaken(Exception):
    """The sink did not take a batch; `final` says that it never will."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True)
class Batch:
    """One event to be, with the id it keeps however often it is sent, and when it was made (UTC)."""

    id: str
    body: bytes
    rows: int
    at: datetime


class Poster:
    """Sends batches as CloudEvents in binary mode (CloudEvents 1.0, HTTP protocol binding).

    Args:
        sink: http or https URL.
        type_: the events' type.
        source: the events' source.
        subject: the events' subject.
        overrides: extensions set on every event, as K_CE_OVERRIDES asks.
        ca_certs: PEM of the CAs that an https sink may be signed by, besides the system's.
        token: shown to a sink that asks for one.
    """

    def __init__(
        self,
        sink: str,
        *,
        type_: str,
        source: str,
        subject: str,
        overrides: Mapping[str, str] | None = None,
        ca_certs: str | None = None,
        token: TokenFile | None = None,
    ) -> None:
        parts = urlsplit(sink)
        host = parts.hostname or ""
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(host, parts.port, context=trusting(ca_certs))
        else:
            self._connection = http.client.HTTPConnection(host, parts.port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        attributes = {"specversion": "1.0", "type": type_, "source": source, "subject": subject}
        self._overrides = dict(overrides or {})
        self._token = token
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
            f"Content-Type: application/json\r\n{_headers(attributes)}"
        )

    def send(self, batch: Batch, timeout_s: float) -> None:
        """Send one batch once, waiting at most so long for each step. Raises: NotTaken."""
        message = self._message(batch)
        kept = self._connection.sock is not None
        try:
            try:
                status, body = self._exchange(message, timeout_s)
            except (OSError, httptools.HttpParserError) as error:
                self.close()
                if not kept or isinstance(error, TimeoutError):
                    raise
                # The sink may have closed an idle connection; the id makes a second delivery harmless.
                status, body = self._exchange(message, timeout_s)
        except (OSError, httptools.HttpParserError) as error:
            self.close()
            raise NotTaken(_why(error)) from error
        if not 200 <= status < 300:
            disbelieved = status == 401 and self._token is not None
            final = 300 <= status < 500 and status not in RETRIED and not disbelieved
            raise NotTaken(f"{status}: {body.decode(errors='replace')}", final=final)

    def close(self) -> None:
        """Close the connection; the next batch opens it again."""
        self._connection.close()

    def _message(self, batch: Batch) -> bytes:
        attributes = {
            "id": batch.id,
            "time": batch.at.isoformat().replace("+00:00", "Z"),
            "correlationid": batch.id,
            **self._overrides,
        }
        length = f"Content-Length: {len(batch.body)}\r\n\r\n"
        head = f"{self._head}{self._authorization()}{_headers(attributes)}{length}"
        return head.encode("latin-1") + batch.body

    def _authorization(self) -> str:
        if self._token is None:
            return ""
        try:
            return f"Authorization: {self._token.authorization()}\r\n"
        except NoToken as error:
            raise NotTaken(str(error)) from error

    def _exchange(self, message: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send a request; return the answer's status and the beginning of its body."""
        if self._connection.sock is None:
            self._connection.timeout = timeout_s
            self._connection.connect()
        stream = self._connection.sock
        stream.settimeout(timeout_s)
        stream.sendall(message)
        answer = _Answer()
        parser = answer.parser
        ended = False
        while not answer.complete and not ended:
            data = stream.recv(65536)
            ended = not data
            if ended and not answer.begun:
                raise ConnectionResetError("the connection was closed before an answer")
            if data:
                parser.feed_data(data)
        if ended or not answer.keeps:
            self.close()
        return parser.get_status_code(), bytes(answer.body)


class _Answer:
    """What the parser reads of an answer; `keeps`: the connection may be used again."""

    def __init__(self) -> None:
        self.begun = self.complete = self.keeps = False
        self.body = bytearray()
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, data: bytes) -> None:
        self.body += data[: _QUOTED_BYTES - len(self.body)]

    def on_message_complete(self) -> None:
        self.complete = True
        self.keeps = self.parser.should_keep_alive()  # once it is done it no longer knows
        del self.parser  # it holds this object


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is {distrust(error)}"
    return f"{type(error).__name__}: {error}"


def _headers(attributes: Mapping[str, str]) -> str:
    return "".join(f"ce-{name}: {encode_header(value)}\r\n" for name, value in attributes.items())
