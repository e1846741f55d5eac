"""The command that brings in a model made elsewhere: register."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eventing import catalogue as c
from kascade.cli import outcomes
from kascade.cli.options import BEGIN
from kascade.cli.request import Request, send
from kascade.cli.steering import Options, event_about, with_options
from kascade.client import connect
from kascade.registering import MLFLOW_SCHEMES, offer

_EXAMPLES = (
    "kascade register churn.onnx --model churn",
    "kascade register net.onnx --model churn --features amount,calls --classes no,yes",
    "kascade register --from models:/churn/3 --model churn",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    epilog = "\n\n".join(f"Example: {each}" for each in _EXAMPLES)
    app.command("register", epilog=epilog, rich_help_panel=BEGIN)(with_options(register_model, 1800))


def register_model(
    options: Options,
    model: Annotated[
        str, typer.Option("--model", "-m", help="the model it becomes a version of", show_default=False)
    ],
    file: Annotated[
        Path | None,
        typer.Argument(help="an ONNX file", exists=True, dir_okay=False, show_default=False),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="URI", help="or one in MLflow: models:/NAME/VERSION, runs:/ID/PATH"),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="a,b,c: the columns of its one tensor; else all features in the data's order"),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="a,b: what its probabilities stand for; else the data's classes in order"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="also if the same file has become a version before")
    ] = False,
) -> None:
    """Offer a model that was made elsewhere, as a challenger like any other; wait for the gate's verdict."""
    if (file is None) == (from_ is None):
        raise typer.BadParameter("name a FILE, or a model in MLflow with --from")
    if from_ is not None and not from_.startswith(MLFLOW_SCHEMES):
        raise typer.BadParameter(
            f"--from {from_!r} is no address in MLflow: write models:/NAME/VERSION or runs:/ID/PATH"
        )
    try:
        offered = offer(
            str(from_ if file is None else file),
            model,
            features=_words(features),
            classes=_words(classes),
            registered_by=options.who,
            comment=options.comment,
            force=force,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with connect(options.system) as client:
        with client.store() as store:
            offered.put(store)
        event = event_about(c.ModelRegistered.type, model, offered.payload)
        request = Request(event, outcomes.registered, goes_on=f"kascade models {model}")
        send(client, request, no_wait=options.no_wait, timeout_s=options.timeout, as_json=options.as_json)


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [each.strip() for each in text.split(",")]
