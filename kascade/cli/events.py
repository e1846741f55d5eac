"""Commands about events: send, invoke, events."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from eventing.catalogue import PAYLOADS, PREFIX
from eventing.codec import to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event, originate
from kascade.cli.options import EVENTS, JsonOption, SystemOption, client_of
from kascade.rendering.event_line import event_line
from kascade.system.home import HomeError

SubjectOption = Annotated[str | None, typer.Option(help="what the event is about: a model, a version")]
DataOption = Annotated[
    str | None, typer.Option("--data", "-d", help="JSON, or @FILE, or - for standard input")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog='Example: kascade send training.requested --subject churn -d \'{"model": "churn"}\'',
        rich_help_panel=EVENTS,
    )(send)
    app.command(
        epilog='Example: kascade invoke govern-training training.requested -d \'{"model": "churn"}\'',
        rich_help_panel=EVENTS,
    )(invoke)
    app.command(
        name="events", epilog="Example: kascade events --follow --subject churn", rich_help_panel=EVENTS
    )(list_events)


def send(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="the prefix dev.kascade. may be left out")],
    data: DataOption = None,
    subject: SubjectOption = None,
    source: Annotated[str, typer.Option(help="who sends it")] = "/kascade/cli",
    id_: Annotated[str | None, typer.Option("--id", help="else a random one")] = None,
    place: SystemOption = None,
) -> None:
    """Send an event to the broker, as any other system would."""
    event = _event(type_, data, subject, source, id_)
    with client_of(place) as client:
        client.emit(event)
    print(event.id)


def invoke(
    function: Annotated[str, typer.Argument(help="the function's Service, such as govern-training")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="the prefix dev.kascade. may be left out")],
    data: DataOption = None,
    subject: SubjectOption = None,
    source: Annotated[str, typer.Option(help="who sends it")] = "/kascade/cli",
    id_: Annotated[str | None, typer.Option("--id", help="else a random one")] = None,
    place: SystemOption = None,
) -> None:
    """Call one function with an event and print the event it replies with."""
    event = _event(type_, data, subject, source, id_)
    with client_of(place) as client:
        reply = client.invoke(function.replace("_", "-"), event)
    if reply is None:
        told = f"{function} accepted the event and replied with none"
        Console(stderr=True, markup=False, emoji=False).print(told, style="dim")
    else:
        print(json.dumps(json.loads(to_structured(reply)[1]), indent=2, ensure_ascii=False))


def list_events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="keep printing new events until Ctrl-C")
    ] = False,
    type_: Annotated[
        str | None, typer.Option("--type", help="the prefix dev.kascade. may be left out")
    ] = None,
    subject: SubjectOption = None,
    correlation: Annotated[str | None, typer.Option(help="the id of a chain's first event")] = None,
    after: Annotated[int, typer.Option(help="print what came after this sequence number")] = 0,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """List what has happened, oldest first."""
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    query: dict[str, Any] = {
        "type": _full_type(type_) if type_ else None,
        "subject": subject,
        "correlation": correlation,
        "whole": 1 if as_json else None,
    }
    with client_of(place) as client:
        for row in client.events(after=after, wait_s=20 if follow else 0, **query):
            if as_json:
                print(json.dumps(row, ensure_ascii=False), flush=True)
            else:
                console.print(event_line(row["event"]))


def _event(type_: str, data: str | None, subject: str | None, source: str, id_: str | None) -> Event:
    full = _full_type(type_)
    payload = _read_json(data)
    if full in PAYLOADS and not isinstance(payload, dict):
        raise HomeError(f"{full} needs data; give it with -d '{{…}}' or -d @file.json")
    if subject is None and isinstance(payload, dict):
        subject = payload.get("model")
        if not isinstance(subject, str | None):
            raise typer.BadParameter(f"model in the data must be text, not {json.dumps(subject)[:100]}")
    event = originate(full, source, subject or "", payload, id_=id_, now=datetime.now(UTC))
    event = replace(event, subject=subject or None)
    try:
        to_structured(event)
    except InvalidEvent as error:
        raise typer.BadParameter(f"this is no CloudEvent: {error}") from error
    return event


def _full_type(type_: str) -> str:
    return PREFIX + type_ if PREFIX + type_ in PAYLOADS else type_


def _read_json(data: str | None) -> Any:
    if data is None:
        return None
    name = "standard input" if data == "-" else data
    try:
        if data == "-":
            text = sys.stdin.read()
        else:
            text = Path(data[1:]).read_text(encoding="utf-8") if data.startswith("@") else data
        return json.loads(text)
    except FileNotFoundError:
        raise HomeError(f"there is no file {data[1:]}") from None
    except OSError as error:
        raise HomeError(f"{name.removeprefix('@')} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise HomeError(f"{name[:200]} is not JSON: {error}") from error
