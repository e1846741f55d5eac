"""The command that asks a model: about a row, or about each row of a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from eventing.words.numbers import number
from kascade.cli.options import BEGIN, JsonOption, SystemOption, print_json, read_json, wide_console
from kascade.client import Client, connect
from kascade.rendering.terminal import escape
from kascade.system.home import HomeError
from kascade.tables import Row, number_of


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog='Example: kascade predict churn \'{"amount": 12.5, "country": "DE"}\'\n\n'
        "Example: kascade predict churn '{\"customer_id\": 7}'\n\n"
        "Example: kascade predict churn --file customers.csv --json",
        rich_help_panel=BEGIN,
    )(predict)


def predict(
    model: Annotated[str, typer.Argument(help="the model's name", show_default=False)],
    rows: Annotated[
        str | None,
        typer.Argument(
            help="the features by name as JSON, or the entity that they are looked up by, or a list of such "
            "rows; @FILE, or - for standard input",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="rows as CSV with a header, or as JSON Lines", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Ask a model; each answer has the id under which its label can be given."""
    if (rows is None) is (file is None):
        raise typer.BadParameter("give the features of a row as JSON, or --file with rows")
    with connect(system) as client:
        given = _file(client, model, file) if file is not None else _rows(read_json(rows))
        answers = client.predict_rows(model, given)
        if as_json:
            for answer in answers:
                print_json(answer)
            return
        table = Table("prediction", "probability", "prediction id", "version", box=None, header_style="dim")
        missing: dict[str, None] = {}
        asked: list[str] = []
        for answer in answers:
            table.add_row(*map(escape, _cells(answer)))
            missing |= dict.fromkeys(answer.get("missing_features", ()))
            asked += [answer["prediction_id"]] if answer.get("label_asked") else []
        page = client.page(model)
    console = wide_console()
    console.print(table)
    if missing:
        console.print(f"missing or stale in some of the rows: {escape(', '.join(missing))}")
    if asked:
        console.print(f"asked at random for a label, whatever was answered: {escape(', '.join(asked))}")
    if page:
        console.print(f"[dim]what it takes, and how else to ask: {escape(page)}[/]")


def _cells(answer: Mapping[str, Any]) -> tuple[str, str, str, str]:
    shares = answer.get("probabilities")
    probability = number(max(shares)) if shares else ""
    return (str(answer["prediction"]), probability, answer["prediction_id"], f"v{answer['model_version']}")


def _rows(given: Any) -> list[Row]:
    rows = given if isinstance(given, list) else [given]
    if not all(isinstance(row, dict) for row in rows):
        raise typer.BadParameter("a row is a JSON object with the features by name")
    return rows


def _file(client: Client, model: str, file: Path) -> list[Row]:
    """Read a file. In CSV all is text: what the model takes as a number becomes one."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            if file.suffix in (".jsonl", ".ndjson"):
                return _rows([json.loads(line) for line in stream if line.strip()])
            texts = list(csv.DictReader(stream, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise HomeError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    inputs = client.get(model, f"/v2/models/{model}")["inputs"]
    kinds = {each["name"]: each["datatype"] for each in inputs}
    return [{name: _value(text, kinds.get(name, "BYTES")) for name, text in row.items()} for row in texts]


def _value(text: str | None, datatype: str) -> Any:
    if not text:
        return None
    if datatype == "BYTES":
        return text
    found = number_of(text)
    return {"true": True, "false": False}.get(text.strip().lower(), text) if found is None else found
