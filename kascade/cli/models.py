"""The command that lists models: their versions, and what goes on around each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eventing.words.model_status import missing_words, model_status, training_words
from kascade.cli.options import LOOK, JsonOption, SystemOption, print_json
from kascade.client import LEDGER, connect
from kascade.rendering.terminal import escape


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="models", epilog="Example: kascade models --json", rich_help_panel=LOOK)(list_models)


def list_models(
    model: Annotated[str | None, typer.Argument(help="only this one", show_default=False)] = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """List the models: versions, champion, and what goes on: rollout, governor, labels, drift."""
    with connect(system) as client:
        found = client.describe()
        pages = {each["model"]: client.page(each["model"]) for each in found if each["champion"]}
        letters = [] if as_json else client.get(LEDGER, "/dead-letters", limit=1000)["dead_letters"]
    chosen = [each for each in found if model in (None, each["model"])]
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    if as_json:
        for each in chosen:
            print_json(each)
    elif not chosen:
        console.print(
            "no such model" if found else "no model yet; drop a model.yaml and data (kascade drop --help)"
        )
    else:
        for each in chosen:
            show(each, console)
            if page := pages.get(each["model"]):
                console.print(f"  [dim]{'page':<9}[/] {escape(page)}")
            dead = sum((letter["subject"] or "").partition("/")[0] == each["model"] for letter in letters)
            if dead:
                how = f"kascade events --type delivery.failed --subject {each['model']}"
                console.print(f"  [dim]{'dead':<9}[/] [red]{dead} events that nobody took: {escape(how)}[/]")
    if model is not None and not chosen:
        raise typer.Exit(1)


def show(model: Mapping[str, Any], console: Console) -> None:
    """Print one model: its versions as a table, then a line for each thing that goes on."""
    console.print(f"[bold]{escape(model['model'])}[/]")
    table = Table("version", "state", "metrics", "trained on", box=None, header_style="dim", padding=(0, 2))
    for version in model["versions"]:
        table.add_row(*map(escape, _version_cells(model, version)))
    under_way = (model.get("governor") or {}).get("training", [])
    for run in under_way:
        table.add_row(f"v{run['version']}", escape(training_words(run)), "", "")
    if not model["versions"] and not under_way:
        table.add_row("-", escape(missing_words(model)), "", "")
    console.print(table)
    for what, words in model_status(model):
        console.print(f"  [dim]{what:<9}[/] {escape(words)}")


def _version_cells(model: Mapping[str, Any], version: Mapping[str, Any]) -> tuple[str, str, str, str]:
    champion = model.get("champion") == version["version"]
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in sorted(version["metrics"].items())[:3])
    rows, window = version.get("train_rows"), version.get("window") or {}
    of = f" of {window['of']}" if window.get("of", rows) != rows else ""
    state = "champion" if champion else str(version["state"])
    return (f"v{version['version']}", state, metrics, f"{rows}{of} rows" if rows else "")
