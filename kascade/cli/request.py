"""Sends an event on behalf of a person and waits until the ledger holds what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer
from rich.console import Console

from eventing import catalogue as c
from eventing.event import CAUSATION, CORRELATION, Event
from eventing.words.event_words import reason_of
from kascade.cli.options import print_json, print_result
from kascade.client import LEDGER, Client
from kascade.rendering.event_line import event_line
from kascade.rendering.terminal import escape

Recorded = Mapping[str, Any]
_POLL_S = 2.0
_OVERLAP = 100
"""The ledger's order is that of arrival: an answer may be recorded a little before what it answers."""


@dataclass(frozen=True)
class Outcome:
    """How a request ended: whether as asked, and in words."""

    ok: bool
    message: str


@dataclass(frozen=True)
class Request:
    """What is sent, and how its answer is known.

    Attributes:
        event: its subject is a model, or `<model>/v<version>`.
        answer: returns the outcome if an event about the model shows it; the second argument says whether the
            event is of the request's own chain.
        state: returns it from what `/models` says of the model, for requests that no event answers.
        check: returns it by asking other parts of the system, for requests that neither of those answers.
        goes_on: how to see what becomes of it when nobody waits any longer.
    """

    event: Event
    answer: Callable[[Recorded, bool], Outcome | None]
    state: Callable[[Recorded], Outcome | None] | None = None
    check: Callable[[Client], Outcome | None] | None = None
    goes_on: str = ""

    @property
    def later(self) -> str:
        """How to see later what has become of it."""
        return self.goes_on or f"kascade explain {self.event.id}"

    @property
    def model(self) -> str:
        """The model's name."""
        return (self.event.subject or "").partition("/")[0]


def send_and_wait(client: Client, request: Request, console: Console, *, timeout_s: float) -> Outcome:
    """Send a request, show the events that follow from it, and return how it ended.

    Raises:
        CallError: the broker did not take the event, or the ledger does not answer.
    """
    deadline = time.monotonic() + timeout_s
    with waiting(f"the answer to {request.event.id}", request.later):
        client.emit(request.event)
        for event in _followed(client, request, deadline):
            if event is None:
                outcome = _from_state(client, request)
            else:
                ours = belongs(event, request.event)
                outcome = refusal(event, request.event) or request.answer(event, ours)
                if (ours and event["type"] != c.TimerDue.type) or outcome:
                    console.print(event_line(event))
            if outcome is not None:
                return outcome
    return Outcome(False, f"no answer within {timeout_s:g} s; it may still come: {request.later}")


@contextmanager
def waiting(what: str, later: str) -> Iterator[None]:
    """Show that something is waited for; after Ctrl-C say that it goes on, and how to look later."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with console.status(f"waiting for {escape(what)} (Ctrl-C stops waiting)"):
            yield
    except KeyboardInterrupt:
        console.print(escape(f"waiting has ended, what was asked for goes on: {later}"))
        raise


def send(client: Client, request: Request, *, no_wait: bool, timeout_s: float, as_json: bool) -> None:
    """Send a request and say how it ended; with `no_wait` only its id. Raises: typer.Exit: in vain."""
    if no_wait:
        client.emit(request.event)
        print_result({"id": request.event.id}, as_json)
        return
    console = Console(highlight=False, emoji=False, soft_wrap=True, quiet=as_json)
    outcome = send_and_wait(client, request, console, timeout_s=timeout_s)
    if as_json:
        print_json({"id": request.event.id, "ok": outcome.ok, "message": outcome.message})
    print_outcome(outcome, console)
    if not outcome.ok:
        raise typer.Exit(1)


def belongs(event: Recorded, sent: Event) -> bool:
    """Say whether an event is in the chain that a sent one began."""
    return event["id"] != sent.id and sent.id in (event.get(CAUSATION), event.get(CORRELATION))


def refusal(event: Recorded, sent: Event) -> Outcome | None:
    """Return what a dead letter sink tells of a sent event, if the event in hand is that."""
    return refusal_of(event, sent.id)


def refusal_of(event: Recorded, id_: str) -> Outcome | None:
    """Return what a dead letter sink tells of the event with an id, if the event in hand is that."""
    data = event.get("data") or {}
    if event["type"] != c.DeliveryFailed.type or data.get("event_id") != id_:
        return None
    return Outcome(False, f"refused: {reason_of(str(data.get('error', '')))}")


def is_later(event: Recorded, sent: Event) -> bool:
    """Say whether an event happened after one was sent; one without a time did not."""
    if not event.get("time") or sent.time is None:
        return False
    return datetime.fromisoformat(event["time"]) >= sent.time


def _followed(client: Client, request: Request, deadline: float) -> Iterator[Recorded | None]:
    """Yield events about the model as they are recorded; None when it is time to look at its state."""
    after: int | None = None
    sent = request.event
    while (left := deadline - time.monotonic()) > 0:
        wait_s = min(_POLL_S, left)
        if after is None:
            page = client.get(LEDGER, "/events", correlation=sent.id, limit=1, wait_s=wait_s)
            after = max(0, page["events"][0]["seq"] - _OVERLAP) if page["events"] else None
            continue
        page = client.get(LEDGER, "/events", after=after, subject=request.model, wait_s=wait_s)
        yield from (row["event"] for row in page["events"] if row["event"]["id"] != sent.id)
        after = page["next"]
        yield None


def _from_state(client: Client, request: Request) -> Outcome | None:
    found = client.describe(request.model) if request.state else []
    outcome = request.state(found[0]) if request.state and found else None
    return outcome or (request.check(client) if request.check else None)


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print how a request ended."""
    console.print(f"[{'green' if outcome.ok else 'red'}]{escape(outcome.message)}[/]")
