"""Posts JSON to an address that is a secret itself: no error and no log line holds it."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from eventing.errors import Rejected, RetryLater
from eventing.tls import distrust, trusting

MAX_WAIT_S = 300.0
_RETRIED = frozenset({408, 425, 429})
_QUOTED_BYTES = 200
_SECRET_CHARS = 8
"""A piece of an address that is as long may be a key."""


class Posting:
    """An address behind which somebody is told. Threads may share it."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
        self._pool = urllib3.PoolManager(
            maxsize=2, retries=False, timeout=timeout, ssl_context=trusting(None)
        )

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """POST a body; redirects are not followed.

        Raises:
            RetryLater: no answer, 408, 425, 429 or a 5xx.
            Rejected: any other answer than a 2xx.
        """
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=body,
                headers={"Content-Type": "application/json", "User-Agent": "kascade", **headers},
                redirect=False,
                preload_content=False,
            )
            try:
                quoted = answer.read(_QUOTED_BYTES)
            finally:
                answer.close()
        except (HTTPError, OSError) as error:
            raise RetryLater(self._why(error)) from None  # the error's own text has the address
        if 200 <= answer.status < 300:
            return
        problem = f"answered {answer.status}" + (f": {text}" if (text := self._hidden(quoted)) else "")
        if answer.status in _RETRIED or answer.status >= 500:
            raise RetryLater(problem, _wait_s(answer.headers.get("Retry-After", "")))
        raise Rejected(problem)

    def _why(self, error: Exception) -> str:
        reason: object = error
        while isinstance(getattr(reason, "reason", None), Exception):
            reason = reason.reason  # type: ignore[attr-defined]
        cause = error.__cause__ or error.__context__
        for each in (reason, error, cause, *getattr(reason, "args", ())):
            if isinstance(each, ssl.SSLCertVerificationError):
                return f"its certificate is {distrust(each)}"
        match reason:
            case NewConnectionError():  # the library counts it as a timeout as well
                return "no connection"
            case ConnectTimeoutError() | ReadTimeoutError():
                return f"no answer within {self._timeout_s:g} s"
            case SSLError():
                return "no connection by TLS"
        return f"no answer ({type(reason).__name__})"

    def _hidden(self, raw: bytes) -> str:
        """Return what a receiver answered as one line, without the address, should it be in it."""
        text = raw.decode("utf-8", "replace")
        parts = urlsplit(self._url)
        pieces = [each for each in re.split(r"[/?&=]", self._url) if len(each) >= _SECRET_CHARS]
        for secret in (self._url, parts.path, parts.query, *pieces):
            if len(secret) > 1:
                text = text.replace(secret, "…")
        return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def dump(value: Mapping[str, Any]) -> bytes:
    """Return JSON."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _wait_s(text: str) -> float:
    return min(float(text), MAX_WAIT_S) if text.isascii() and text.isdigit() and len(text) < 9 else 1.0
