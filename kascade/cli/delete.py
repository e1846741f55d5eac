"""The command that deletes a model: out of service, and the files that were dropped for it removed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from eventing import catalogue as c
from kascade.cli import outcomes
from kascade.cli.options import STEER, print_json
from kascade.cli.request import Outcome, Request, print_outcome, send_and_wait
from kascade.cli.steering import ModelArgument, Options, rollout_request, with_options
from kascade.client import Client, connect
from kascade.reach.systems import store_of
from kascade.system.home import HomeError

BUCKETS = ("raw", "feedback", "batch")
"""Those into which people drop files."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog='Example: kascade delete churn --yes --comment "no longer sold"', rich_help_panel=STEER
    )(with_options(delete, 120, without=("no_wait",)))


def delete(
    model: ModelArgument,
    options: Options,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask first")] = False,
) -> None:
    """Retire the model, and remove the files that were dropped for it.

    Its versions, predictions and events stay, as the record of what was decided.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True, quiet=options.as_json)
    with connect(options.system) as client, store_of(options.system) as store:
        files = [each.uri for bucket in BUCKETS for each in store.list(f"s3://{bucket}/{model}/")]
        versions = [each for found in client.describe(model) for each in found["versions"]]
        if not versions and not files:
            raise HomeError(f"there is no model {model}")
        if not yes:
            typer.confirm(f"Retire {model} and remove {len(files)} files?", abort=True, err=True)
        outcome = _retire(client, model, options, console)
        removed = files if outcome.ok else []
        for uri in removed:
            store.remove(uri)
            console.print(f"{uri} is removed", markup=False)
        if options.as_json:
            print_json({"ok": outcome.ok, "message": outcome.message, "removed": removed})
        print_outcome(outcome, console)
    if not outcome.ok:
        raise typer.Exit(1)


def _retire(client: Client, model: str, options: Options, console: Console) -> Outcome:
    (known,) = client.describe(model) or [{"versions": [], "retired": None}]
    if known["retired"] or not known["versions"]:
        return Outcome(True, f"{model} is not in service")
    event = rollout_request(model, c.RolloutAction.RETIRE, None, options)
    return send_and_wait(client, Request(event, outcomes.retired(event)), console, timeout_s=options.timeout)
