"""The command that checks the log of events of a stopped system, and rebuilds it when it is damaged."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from kascade.cli.options import STEER, HomeOption, JsonOption, print_json
from kascade.reach.systems import home_of
from kascade.system.home import HomeError
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.rebuilding import check, rebuild

LOG = "broker.db"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: kascade repair --check", rich_help_panel=STEER)(repair)


def repair(
    home: HomeOption = None,
    only_check: Annotated[bool, typer.Option("--check", help="change nothing; exit 1 on damage")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the log of events that wait in a stopped system, and rebuild it if it is damaged.

    Every event in it is read. What can be read is kept, what cannot is counted by Trigger, and the damaged
    file stays beside the new one. A running system does the same when it meets damage, so this is for one
    that does not start, or that you want to be sure of.
    """
    place = home_of(None if home is None else str(home))
    console = Console(highlight=False, emoji=False, soft_wrap=True, quiet=as_json)
    if not place.path.is_dir():
        raise HomeError(f"there is no state folder {place.path}; name another one with --home")
    with place.held():
        path = place.path / LOG
        try:
            wrong = check(path)
            rebuilt = rebuild(path, wrong[0]) if wrong and not only_check else None
        except LogUnavailable as error:
            raise HomeError(str(error)) from error
    if as_json:
        print_json(
            {"log": str(path), "wrong": wrong, "rebuilt": None if rebuilt is None else asdict(rebuilt)}
        )
    for line in wrong:
        console.print(line, style="red", markup=False)
    if rebuilt is not None:
        console.print(str(rebuilt), markup=False)
    elif not wrong:
        console.print(f"{path} is whole", markup=False)
    if wrong and only_check:
        raise typer.Exit(1)
