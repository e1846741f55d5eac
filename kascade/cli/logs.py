"""The command that prints what a function, a model, the runtime or the object store has logged."""

from __future__ import annotations

from typing import Annotated

import typer

from kascade.cli.options import LOOK, SystemOption
from kascade.reach.logs import logs_of
from kascade.rendering.terminal import visible


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: kascade logs ingest-data --follow", rich_help_panel=LOOK)(logs)


def logs(
    name: Annotated[
        str,
        typer.Argument(
            help="a function such as ingest-data, or a model; on one machine also runtime and store",
            show_default=False,
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="keep printing until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="how many of the last lines")] = 100,
    system: SystemOption = None,
) -> None:
    """Print the last lines that a part of the system has logged."""
    for line in logs_of(system, name.replace("_", "-"), lines=lines, follow=follow):
        print(visible(line), flush=True)
