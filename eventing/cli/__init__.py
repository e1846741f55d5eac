"""The `kascade` command: drop data, send events, call functions, see what happened and why."""

from __future__ import annotations

import importlib
import sys

import typer
from rich.console import Console

from eventing.cli import events, explaining, labels, models, steering, system
from eventing.cli.client import CallError
from eventing.cli.home import HomeError
from eventing.store import StoreError
from eventing.store.embedded import StoreProcessError

# The commands of another room live in that room; they are named here and loaded by name.
_FROM_OTHER_ROOMS = {"spec": "pipelines.commands:spec_app"}


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="kascade",
        help="Event-driven, serverless MLOps on Knative: drop data into a bucket, get a model you can curl.",
        epilog="Start with: kascade demo",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in (system, events, models, explaining, steering, labels):
        module.register(app)
    for name, place in _FROM_OTHER_ROOMS.items():
        module_name, attribute = place.split(":")
        app.add_typer(getattr(importlib.import_module(module_name), attribute), name=name)
    return app


def main() -> None:
    """Run the command line; known errors are one clear message and exit code 1."""
    try:
        build()()
    except (HomeError, CallError, StoreError, StoreProcessError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]kascade:[/] {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
