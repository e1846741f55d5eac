"""Commands about models: models, explain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from eventing.cli.event_line import event_line
from eventing.cli.options import HomeOption, JsonOption, client_of


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="models", epilog="Example: kascade models --json")(list_models)
    app.command(epilog="Example: kascade explain churn/v1")(explain)


def list_models(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List the models, their versions, and who is champion."""
    answer = client_of(home).get("record-events", "/models")
    if as_json:
        for model in answer["models"]:
            print(json.dumps(model, ensure_ascii=False))
        return
    table = Table("model", "version", "state", "metrics", "trained on", box=None, header_style="bold")
    for model in answer["models"]:
        for version in model["versions"] or [{}]:
            table.add_row(model["model"], *_version_cells(model, version))
    Console().print(
        table if answer["models"] else "no model yet; drop a model.yaml and data (kascade drop --help)"
    )


def _version_cells(model: Mapping[str, Any], version: Mapping[str, Any]) -> tuple[str, str, str, str]:
    if not version:
        return ("-", "waiting for data", "", "")
    champion = model.get("champion") == version["version"]
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in sorted(version["metrics"].items())[:3])
    rows = version.get("train_rows")
    state = "champion" if champion else str(version["state"])
    return (f"v{version['version']}", state, metrics, f"{rows} rows" if rows else "")


def explain(
    reference: Annotated[str, typer.Argument(help="<model>/v<version>, or an event's id")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print the chain of events behind a model version or an event."""
    chain = client_of(home).get("record-events", f"/explain/{reference}")
    if as_json:
        print(json.dumps(chain, ensure_ascii=False))
        return
    tree = Tree(f"[bold]{reference}[/]")
    for node in chain["chain"]:
        _grow(tree, node)
    Console(highlight=False, soft_wrap=True).print(tree)


def _grow(tree: Tree, node: Mapping[str, Any]) -> None:
    branch = tree.add(event_line(node["event"]))
    for effect in node["effects"]:
        _grow(branch, effect)
