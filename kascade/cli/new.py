"""`kascade new`: writes what the next part of the project begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from kascade.cli.options import BEGIN, HomeOption, JsonOption, print_json
from kascade.reach.systems import home_of
from kascade.rendering.terminal import escape
from kascade.system.home import HomeError

if TYPE_CHECKING:
    from kascade.scaffold.checkout import Checkout
    from kascade.scaffold.function import NewFunction

_EXAMPLES = (
    "kascade new function notify_owner --on model.rejected",
    "kascade new function retry_training --on training.failed --emits training.requested",
    "kascade new function notify_owner --on model.rejected --dry-run",
)

new_app = typer.Typer(
    name="new",
    help="Write a new function into this checkout.",
    epilog=f"Example: {_EXAMPLES[0]}",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(new_app, name="new", rich_help_panel=BEGIN)


@new_app.command(epilog="\n\n".join(("Examples:", *_EXAMPLES)))
def function(
    name: Annotated[str, typer.Argument(help="a verb and a noun: notify_owner", show_default=False)],
    on: Annotated[str, typer.Option(metavar="TYPE", help="the type of event it handles", show_default=False)],
    emits: Annotated[
        str | None, typer.Option(metavar="TYPE", help="the type it answers with; else it answers nothing")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what would be written")] = False,
    deploy: Annotated[
        bool, typer.Option(help="also create it on the system that runs on this machine, if one does")
    ] = True,
    root: Annotated[Path, typer.Option(help="the checkout to write into")] = Path(),
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a function that runs at once: its folder, manifests, tests, README and entries in every list.

    The prefix dev.kascade. of a type may be left out; docs/events.md has them all.
    """
    from kascade.scaffold.checkout import Checkout
    from kascade.scaffold.function import NewFunction, payload_of, plan

    made = NewFunction(name, payload_of(on), None if emits is None else payload_of(emits))
    checkout = Checkout(root)
    plan(checkout, made)
    checkout.format()
    if dry_run:
        _print_plan(checkout, as_json)
        return
    checkout.write()
    deployed = deploy and _deploy(checkout, made, home)
    if as_json:
        print_json({"files": sorted(checkout.changed), "deployed": deployed})
    else:
        _print_next_steps(checkout, made, deployed)


def _print_plan(checkout: Checkout, as_json: bool) -> None:
    if as_json:
        print_json(checkout.changed)
        return
    for line in checkout.differences():
        print(line)


def _deploy(checkout: Checkout, made: NewFunction, home: Path | None) -> bool:
    """Create the function on the system of this machine; say whether there is one."""
    from kascade.reach.port import CallError
    from kascade.scaffold.deploying import deploy

    try:
        deploy(home_of(home).endpoints(), checkout.root, made.service)
    except HomeError:
        return False
    except CallError as error:
        if error.status is None:
            return False
        raise
    return True


def _print_next_steps(checkout: Checkout, made: NewFunction, deployed: bool) -> None:
    from kascade.scaffold.examples import example_of

    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for path in sorted(checkout.changed):
        console.print(f"  {escape(path)}", style="dim")
    where = "It runs on the system on this machine" if deployed else "Start it with `kascade up`"
    data = json.dumps(example_of(made.on), ensure_ascii=False)
    console.print(f"{where}. Try it, and see the events that follow:")
    console.print(f"  kascade invoke {made.name} {made.on.type} -d '{escape(data)}'")
    console.print("  kascade events --follow")
    console.print(f"What it does is functions/{made.name}/logic.py; test it with:")
    console.print(f"  make check && make test ARGS=tests/unit/functions/{made.name}")
