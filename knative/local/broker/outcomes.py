"""What a subscriber's answer means: delivered, delivered with a reply, or failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from knative.local.broker.errors import MalformedEvent
from knative.local.broker.event import Incoming, has_event, read_event
from knative.local.broker.retries import is_retriable


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response: the headers as they came."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The subscriber has the event; `reply` is the event it answered with."""

    reply: Incoming | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed: the status (500 when there was no answer), what came back, who it came from."""

    status: int
    body: bytes
    retriable: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    destination: str | None = None


def unreachable(url: str, reason: str) -> Failed:
    """Return the failure of an attempt that got no answer, in the words that Knative uses."""
    return Failed(500, f'dispatch error: Post "{url}": {reason}'.encode(), retriable=True)


def judge(answer: Answer, reply_statuses: Literal["2xx", "200"]) -> Delivered | Failed:
    """Judge a subscriber's answer. SPEC-DP "Derived (Reply) Events"; filter_handler.go writeResponse.

    Args:
        answer: what the subscriber answered.
        reply_statuses: which statuses carry a reply; others of 2xx are delivered whatever they hold.
    """
    if not 200 <= answer.status <= 299:
        return _refused(answer)
    if answer.status != 200 and reply_statuses == "200":
        return Delivered()
    if has_event(answer.headers):
        try:
            return Delivered(read_event(answer.headers, answer.body))
        except MalformedEvent as error:
            return Failed(502, f"the reply is no CloudEvent: {error}".encode(), retriable=True)
    if answer.body:
        return Failed(502, b"the reply is no CloudEvent: " + answer.body, retriable=True)
    return Delivered()


def judge_dead_letter_sink(answer: Answer) -> Delivered | Failed:
    """Judge the answer of a dead letter sink: any 2xx is final, a reply is not asked for."""
    return Delivered() if 200 <= answer.status <= 299 else _refused(answer)


def _refused(answer: Answer) -> Failed:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    return Failed(answer.status, answer.body, is_retriable(answer.status), headers)
