"""Sends events to a sink (`K_SINK`), with retries; raises when an event did not arrive.

Retried is what Knative retries: no answer, 404, 408, 409, 425, 429 and every 5xx. An https sink is
verified against the system's CAs and those that Knative gives in `K_CA_CERTS`. A sink that asks for
authentication is sent the token in the file `SINK_TOKEN_FILE`. A token that it refuses (401) may have been
replaced: the file is read again for the next attempt.
"""

from __future__ import annotations

import json
import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import urllib3

from eventing.bearer import NoToken, TokenFile
from eventing.codec import to_binary
from eventing.event import TRACEPARENT, Event
from eventing.tls import distrust, trusting

RETRIED = frozenset({404, 408, 409, 425, 429})
MAX_WAIT_S = 10.0
TIMEOUT_S = 10.0
_CONNECT_S = 10.0
_QUOTED_BYTES = 500
_SECONDS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_log = logging.getLogger(__name__)


class SinkError(Exception):
    """An event could not be handed over.

    `status` is the sink's last answer, None when there was none; `final` says that trying again is useless.
    """

    def __init__(self, message: str, *, status: int | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.final = final


class EventSink(Protocol):
    """Where a function sends events. The twin for tests is `eventing.testing.MemorySink`."""

    def send(self, event: Event) -> None:
        """Hand the event over; when this returns, the sink has it.

        Raises:
            SinkError: the sink does not have it, as far as is known.
        """
        ...


class Sink:
    """A sink behind an HTTP address. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        overrides: Mapping[str, str] | None = None,
        ca_certs: str = "",
        token: TokenFile | None = None,
        timeout_s: float = TIMEOUT_S,
        retries: int = 5,
        backoff_s: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            url: where events are POSTed.
            overrides: extensions set on every event, as K_CE_OVERRIDES asks.
            ca_certs: PEM of the CAs that an https sink may be signed by, besides the system's.
            token: is sent to a sink that asks for authentication.
            timeout_s: for each wait for bytes in one attempt; to connect it waits 10 s at most.
            retries: attempts after the first.
            backoff_s: the first pause between attempts; it doubles, and is spread by half of itself.
            sleep: waits for seconds.
            uniform: draws a number between two.
            now: the clock, to understand a Retry-After that is a date.

        Raises:
            ValueError: `ca_certs` is no PEM.
        """
        self.url = url
        self._overrides = dict(overrides or {})
        self._token = token
        self._timeout = urllib3.Timeout(connect=min(timeout_s, _CONNECT_S), read=timeout_s)
        self._retries = retries
        self._backoff_s = backoff_s
        self._sleep = sleep
        self._uniform = uniform
        self._now = now
        context = trusting(ca_certs) if ca_certs else None
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, ssl_context=context)

    def send(self, event: Event) -> None:
        """POST the event in binary mode until the sink takes it.

        Raises:
            SinkError: it was refused, or not taken in all the attempts.
        """
        headers, body = self._message(event)
        for attempt in range(self._retries + 1):
            error, retry_after_s = self._attempt(headers, body)
            if error is None:
                return
            if error.final or attempt == self._retries:
                raise error
            pause = self._backoff_s * 2**attempt
            self._sleep(min(MAX_WAIT_S, max(self._uniform(pause / 2, pause * 1.5), retry_after_s)))

    def _message(self, event: Event) -> tuple[dict[str, str], bytes]:
        if self._overrides:
            event = replace(event, extensions={**event.extensions, **self._overrides})
        headers, body = to_binary(event)
        if TRACEPARENT in event.extensions:
            headers[TRACEPARENT] = event.extensions[TRACEPARENT]
        return headers, body

    def _attempt(self, headers: dict[str, str], body: bytes) -> tuple[SinkError | None, float]:
        """Send once; return what went wrong, if anything, and how many seconds the sink asks to wait."""
        try:
            if self._token is not None:
                headers = {**headers, "Authorization": self._token.authorization()}
            answer = self._pool.request(
                "POST", self.url, headers=headers, body=body, timeout=self._timeout, redirect=False
            )
        except NoToken as error:
            return SinkError(str(error)), 0.0
        except urllib3.exceptions.HTTPError as error:
            return SinkError(self._unanswered(error)), 0.0
        if 200 <= answer.status < 300:
            return None, 0.0
        reply = answer.data[:_QUOTED_BYTES].decode(errors="replace").strip()
        disbelieved = answer.status == 401 and self._token is not None
        final = answer.status < 500 and answer.status not in RETRIED and not disbelieved
        message = f"the sink {self.url} answered {answer.status}: {reply or '(nothing)'}"
        refusal = SinkError(message, status=answer.status, final=final)
        return refusal, parse_retry_after(answer.headers.get("Retry-After", ""), self._now())

    def _unanswered(self, error: urllib3.exceptions.HTTPError) -> str:
        cause = error.args[0] if error.args else None
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of the sink {self.url} is {distrust(cause)}"
        return f"the sink {self.url} did not answer: {error}"


class Unbound:
    """The sink of a function without K_SINK.

    Such a function starts and takes events, since what sets K_SINK may itself wait for it to be ready:
    a Broker has no address before its dead letter sink has one. What it has to send is refused until then.
    """

    def send(self, event: Event) -> None:
        """Refuse the event. Raises: SinkError, which asks for another delivery."""
        raise SinkError(f"{event.type} cannot be sent: K_SINK is not set; bind this function to a broker")


def sink_from_env(env: Mapping[str, str], *, retries: int = 5) -> Sink | Unbound:
    """Build the sink that the variables name: K_SINK, and what is set of K_CE_OVERRIDES, K_CA_CERTS,
    SINK_TOKEN_FILE and SINK_TIMEOUT_S.

    Args:
        env: the variables. SINK_TIMEOUT_S, for a broker that answers once every subscriber has, is how many
            seconds an answer is waited for (10).
        retries: as for `Sink`.

    Returns:
        the sink; `Unbound` where K_SINK is missing or empty.

    Raises:
        ValueError: one of them is malformed.
    """
    url = env.get("K_SINK", "")
    timeout_s = parse_timeout(env.get("SINK_TIMEOUT_S", ""))
    if not url:
        _log.warning("K_SINK is not set: events can be answered, but none can be sent")
        return Unbound()
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"K_SINK must be the http address that events are sent to, not {url!r}")
    overrides = parse_overrides(env.get("K_CE_OVERRIDES", ""))
    ca_certs = env.get("K_CA_CERTS", "")
    token = TokenFile(env["SINK_TOKEN_FILE"]) if env.get("SINK_TOKEN_FILE") else None
    return Sink(
        url, overrides=overrides, ca_certs=ca_certs, token=token, timeout_s=timeout_s, retries=retries
    )


def parse_timeout(text: str) -> float:
    """Read SINK_TIMEOUT_S: seconds from 0.1 to 600; nothing is the default. Raises ValueError otherwise."""
    if not text:
        return TIMEOUT_S
    if _SECONDS.fullmatch(text) and 0.1 <= float(text) <= 600:
        return float(text)
    raise ValueError(f"SINK_TIMEOUT_S must be seconds from 0.1 to 600, not {text!r}")


def parse_overrides(text: str) -> dict[str, str]:
    """Read K_CE_OVERRIDES: `{"extensions": {"<name>": "<value>"}}`; nothing is no overrides.

    Raises:
        ValueError: it is something else.
    """
    if not text:
        return {}
    try:
        extensions = json.loads(text).get("extensions") or {}
        values = {name: value for name, value in extensions.items() if isinstance(value, str)}
    except (ValueError, AttributeError) as error:
        raise ValueError('K_CE_OVERRIDES must be JSON: {"extensions": {"name": "value"}}') from error
    if len(values) != len(extensions):
        raise ValueError("K_CE_OVERRIDES: every extension's value must be a string")
    return values


def parse_retry_after(text: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks to wait: a number or a date; 0 when it is neither."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for an impossible time zone
        return 0.0
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
