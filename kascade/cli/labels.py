"""The command that gives labels back: one by its prediction's id, or a file of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from eventing.catalogue import FeedbackReceived
from eventing.event import Event, originate
from kascade.cli.drop_outcomes import FEEDBACK
from kascade.cli.dropping import drop_files
from kascade.cli.label_outcomes import in_the_log, joined
from kascade.cli.options import (
    SOURCE,
    STEER,
    JsonOption,
    NoWaitOption,
    SystemOption,
    TimeoutOption,
)
from kascade.cli.request import Request, send
from kascade.client import connect
from kascade.system.home import HomeError
from pipelines.prediction_ids import canonical


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
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Say what the truth was, of one prediction or with --file of many, and wait until it is joined.

    Exit 1 when it cannot be joined: the model or the prediction is not known, or the label is impossible.
    """
    if (file is None) is (prediction_id is None or value is None) or (file and prediction_id):
        raise typer.BadParameter("give the prediction's id and its label, or --file with many")
    if file is not None and not file.is_file():
        raise HomeError(f"{file} is not a file")
    with connect(system) as client:
        if file is not None:
            follow = not no_wait
            drop_files(client, [file], model, FEEDBACK, as_json=as_json, follow=follow, timeout_s=timeout)
            return
        event = _label_event(model, str(prediction_id), value if text else _read(str(value)))
        request = Request(event, joined(event), check=in_the_log(event))
        send(client, request, no_wait=no_wait, timeout_s=timeout, as_json=as_json)


def _label_event(model: str, prediction_id: str, truth: Any) -> Event:
    """Build the event that says what the truth was of one prediction."""
    try:
        payload = FeedbackReceived(model=model, prediction_id=canonical(prediction_id.strip()), label=truth)
    except ValidationError as error:
        raise typer.BadParameter(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
    data = payload.model_dump(exclude_none=True)
    return originate(FeedbackReceived.type, SOURCE, model, data, now=datetime.now(UTC))


def _read(text: str) -> Any:
    """Return a number or a truth value where the text is one in JSON, else the text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, bool | int | float) else text
