"""Commands about events: send, invoke, events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from eventing.catalogue import PAYLOADS, TimerDue
from eventing.codec import to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event
from eventing.words.fixes import fixes_of
from kascade.cli.options import EVENTS, SOURCE, JsonOption, SystemOption, print_json, print_result, read_json
from kascade.client import connect
from kascade.events import event_of, full_type
from kascade.rendering.event_line import event_line
from kascade.rendering.terminal import escape, visible_json
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
    source: Annotated[str, typer.Option(help="who sends it")] = SOURCE,
    id_: Annotated[str | None, typer.Option("--id", help="else a random one")] = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Send an event to the broker, as any other system would."""
    event = _event(type_, data, subject, source, id_)
    with connect(system) as client:
        client.emit(event)
    print_result({"id": event.id}, as_json)


def invoke(
    function: Annotated[str, typer.Argument(help="the function's Service, such as govern-training")],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="the prefix dev.kascade. may be left out")],
    data: DataOption = None,
    subject: SubjectOption = None,
    source: Annotated[str, typer.Option(help="who sends it")] = SOURCE,
    id_: Annotated[str | None, typer.Option("--id", help="else a random one")] = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Call one function with an event and print the event it replies with."""
    event = _event(type_, data, subject, source, id_)
    with connect(system) as client:
        reply = client.invoke(function.replace("_", "-"), event)
    shown = None if reply is None else json.loads(to_structured(reply)[1])
    if as_json:
        print_json(shown)
    elif shown is None:
        words = f"{function} accepted the event and replied with none"
        Console(stderr=True, markup=False, emoji=False).print(words, style="dim")
    else:
        print(visible_json(json.dumps(shown, indent=2, ensure_ascii=False)))


def list_events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="keep printing new events until Ctrl-C")
    ] = False,
    type_: Annotated[
        str | None, typer.Option("--type", help="the prefix dev.kascade. may be left out")
    ] = None,
    subject: SubjectOption = None,
    correlation: Annotated[str | None, typer.Option(help="the id of a chain's first event")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="also timers that ring, which come by the hundred")
    ] = False,
    after: Annotated[int, typer.Option(help="print what came after this sequence number")] = 0,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """List what has happened, oldest first, with each event's id and what can be done about it.

    Timers that ring are left out unless they are asked for; --json prints all, in the order recorded.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    query: dict[str, Any] = {
        "type": type_,
        "subject": subject,
        "correlation": correlation,
        "whole": 1 if as_json else None,
    }
    with connect(system) as client:
        rows = client.ledger(after=after, wait_s=20 if follow else 0, **query)
        if as_json:
            for row in rows:
                print_json(row)
            return
        hidden = () if everything or type_ else (TimerDue.type,)
        for row in rows if follow else sorted(rows, key=_happened):
            if row["event"]["type"] not in hidden:
                console.print(f"{event_line(row['event'])} [dim]{escape(row['event']['id'])}[/]")
                for fix in fixes_of(row["event"]):
                    console.print(f"{'':<12} {escape(fix)}", style="dim")


def _happened(row: Mapping[str, Any]) -> datetime:
    """Return when an event happened; of one that does not tell, when it was recorded."""
    return datetime.fromisoformat(row["event"].get("time") or row["recorded_at"])


def _event(type_: str, data: str | None, subject: str | None, source: str, id_: str | None) -> Event:
    if data is None and full_type(type_) in PAYLOADS:
        raise HomeError(f"{full_type(type_)} needs data; give it with -d '{{…}}' or -d @file.json")
    try:
        return event_of(type_, read_json(data), subject=subject, source=source, id_=id_)
    except InvalidEvent as error:
        raise typer.BadParameter(f"this is no CloudEvent: {error}") from error
