"""The command that gives labels back: one by its prediction's id, or a file of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from eventing import catalogue as c
from eventing.event import originate
from kascade.cli.options import STEER, SystemOption, client_of, store_of
from kascade.system.home import HomeError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog="Example: kascade label churn 019a2b3c-0000-7000-8000-000000000000 yes\n\n"
        "Example: kascade label churn --file labels.csv",
        rich_help_panel=STEER,
    )(label)


def label(
    model: Annotated[str, typer.Argument(help="the model's name", show_default=False)],
    prediction_id: Annotated[
        str | None, typer.Argument(help="the id that came with the prediction", show_default=False)
    ] = None,
    value: Annotated[
        str | None, typer.Argument(metavar="LABEL", help="the truth; 7 and true are read as JSON")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="labels to drop: columns label and prediction_id, or label, entity and time",
            show_default=False,
        ),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="take LABEL as text, also 7 and true")] = False,
    place: SystemOption = None,
) -> None:
    """Say what the truth was: of one prediction, or with --file of many."""
    if file is not None:
        if prediction_id is not None:
            raise typer.BadParameter("give a prediction and its label, or --file, not both")
        print(_drop(place, model, file))
        return
    if prediction_id is None or value is None:
        raise typer.BadParameter("give the prediction's id and its label, or --file")
    try:
        payload = c.FeedbackReceived(
            model=model, prediction_id=prediction_id, label=value if text else _read(value)
        )
    except ValidationError as error:
        raise typer.BadParameter(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
    event = originate(c.FEEDBACK_RECEIVED, "/kascade/cli", model, payload, now=datetime.now(UTC))
    with client_of(place) as client:
        client.emit(event)
    print(event.id)


def _drop(place: str | None, model: str, file: Path) -> str:
    if not file.is_file():
        raise HomeError(f"{file} is not a file")
    uri = f"s3://feedback/{model}/{file.name}"
    with store_of(place) as store, file.open("rb") as stream:
        store.put(uri, stream)
    return uri


def _read(text: str) -> Any:
    """Return a number or a truth value where the text is one in JSON, else the text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, bool | int | float) else text
