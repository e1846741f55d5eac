"""The command that tells why: of a version, a prediction or an event, as a tree of causes and effects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.tree import Tree

from eventing import catalogue as c
from eventing.words.numbers import clock, number
from kascade.cli.options import LOOK, JsonOption, SystemOption, print_json, wide_console
from kascade.client import connect
from kascade.rendering.event_line import event_line
from kascade.rendering.evidence import evidence
from kascade.rendering.terminal import escape

_VERSION = re.compile(r".+/v[0-9]+")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: kascade explain churn/v1", rich_help_panel=LOOK)(explain)


def explain(
    reference: Annotated[
        str,
        typer.Argument(help="<model>/v<version>, a prediction's id, or an event's id", show_default=False),
    ],
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Tell why: the events behind a version, a prediction or an event, with the numbers that decided."""
    with connect(system) as client:
        answer = client.explanation(reference)
    if as_json:
        print_json(answer)
        return
    console = wide_console()
    if "prediction" in answer:
        console.print(prediction_tree(answer["prediction"]))
    console.print(story(answer))


def prediction_tree(prediction: Mapping[str, Any]) -> Tree:
    """Return each answer to one request with its inputs and its label."""
    tree = Tree(f"[bold]prediction {escape(str(prediction['prediction_id']))}[/]")
    for row in prediction["rows"]:
        role = "in the shadow" if row.get("shadow") else "served"
        predicted = row.get("predicted")
        predicted = number(row["predicted_number"]) if predicted is None else predicted
        head = f"{row['model']}/v{row['version']} {role} at {clock(row['at'])}: {predicted}"
        branch = tree.add(f"[cyan]{escape(head)}[/]")
        for line in _facts(row):
            branch.add(f"[dim]{escape(line)}[/]")
    return tree


def _facts(row: Mapping[str, Any]) -> list[str]:
    label = row.get("label")
    lines = ["no label yet" if label is None else f"label {label}"]
    if row.get("probabilities"):
        lines.append(f"probabilities {', '.join(number(each) for each in row['probabilities'])}")
    if row.get("entity") is not None:
        lines.append(f"entity {row['entity']}")
    inputs = ", ".join(f"{name}={value}" for name, value in row.get("inputs", {}).items())
    lines.append(f"inputs {inputs[:300]}{'…' if len(inputs) > 300 else ''}")
    if row.get("latency_ms") is not None:
        lines.append(
            f"answered in {number(row['latency_ms'])} ms" + (", an outlier" if row.get("outlier") else "")
        )
    batch = row.get("batch")
    if isinstance(batch, Mapping):
        window = f", window {batch['window']}" if batch.get("window") else ""
        lines.append(f"log {batch['uri']}{window}")
    return lines


def story(answer: Mapping[str, Any]) -> Tree:
    """Return the trees of an explanation with the numbers of each decision, and what was left out."""
    tree = Tree(f"[bold]{escape(answer['reference'])}[/]")
    for node in answer["chain"]:
        _grow(tree, node, str(answer["reference"]))
    _add_folded(tree, answer.get("folded", {}))
    if answer.get("left_out"):
        tree.add(f"[dim]… {answer['left_out']} more events do not fit; explain one of those above[/]")
    elif answer.get("truncated"):
        tree.add("[dim]… the chain is longer than what was read[/]")
    return tree


def _grow(tree: Tree, node: Mapping[str, Any], reference: str) -> None:
    event = node["event"]
    branch = tree.add(event_line(event))
    for line in evidence(event):
        branch.add(f"[dim]{escape(line)}[/]")
    for effect in node["effects"]:
        _grow(branch, effect, reference)
    _add_folded(branch, node.get("folded", {}))
    other = str(event.get("subject"))
    if event["type"] == c.TrainingApproved.type and _VERSION.fullmatch(reference) and other != reference:
        branch.add(f"[dim]… its story: kascade explain {escape(other)}[/]")


def _add_folded(tree: Tree, folded: Mapping[str, int]) -> None:
    counts = [f"{count} more {type_.removeprefix(c.PREFIX)}" for type_, count in folded.items()]
    if counts:
        tree.add(f"[dim]… {escape(', '.join(counts))}[/]")
