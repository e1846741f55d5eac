"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eventing.cli.client import Client
from eventing.cli.home import Home, locate

BEGIN, LOOK, STEER, EVENTS = "Begin", "Look", "Steer a model", "Speak in events"
"""The headings under which `kascade --help` lists the commands."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="the state folder; else $KASCADE_HOME, else .kascade here", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON, one value per line")]


def home_of(path: Path | None) -> Home:
    """Return the state folder that the option or the environment names."""
    return locate(os.environ, path)


def client_of(path: Path | None) -> Client:
    """Return a client of the system that runs in the state folder."""
    return Client(home_of(path).endpoints())


def wide_console() -> Console:
    """Return a console for trees and tables: on a terminal they are wrapped, in a file nothing is cut off."""
    fits = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, emoji=False, width=None if fits else 1000)
