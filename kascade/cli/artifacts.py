"""Commands about what lies in the object store: open, env."""

from __future__ import annotations

import os
import shlex
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from eventing.store import split_uri
from kascade.cli.options import BEGIN, LOOK, JsonOption, SystemOption, print_json, print_result
from kascade.client import connect
from kascade.reach.systems import home_of, url_of
from kascade.system.home import HomeError
from kascade.system.monitoring import prometheus_config

_NEEDED = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
_AWS = (*_NEEDED, "AWS_ENDPOINT_URL", "AWS_PROFILE")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        name="open",
        epilog="Example: kascade open churn\n\nExample: kascade open s3://models/churn/v3/card.json",
        rich_help_panel=LOOK,
    )(open_artifact)
    app.command(
        epilog='Example: kascade env\n\nExample: eval "$(kascade env --export)" && aws s3 ls s3://raw/',
        rich_help_panel=BEGIN,
    )(env)


def open_artifact(
    what: Annotated[
        str,
        typer.Argument(
            help="a model, whose newest drift report is meant, or an address s3://… as `explain` prints them",
            show_default=False,
        ),
    ],
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only say where the copy lies")] = False,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Copy a report or an artefact from the object store, and show it in the browser."""
    with connect(system) as client, client.store() as store:
        uri = what
        if "://" not in what:
            pages = [each for each in store.list(f"s3://reports/{what}/") if each.key.endswith(".html")]
            if not pages:
                raise HomeError(f"there is no drift report of {what} yet")
            uri = max(pages, key=lambda page: page.modified).uri
        try:
            name = split_uri(uri)[1].rpartition("/")[2] or "object"
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        content = store.get(uri)
    copy = Path(tempfile.mkdtemp(prefix="kascade-")) / name
    copy.write_bytes(content)
    print_result({"uri": uri, "copy": str(copy)}, as_json)
    if not no_browser:
        webbrowser.open(copy.as_uri())


def env(
    export: Annotated[bool, typer.Option("--export", help="as lines for `eval` in a shell")] = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="in place of them, a prometheus.yml for this system")
    ] = False,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Print the variables with which aws, boto3 and every other S3 client reach the object store."""
    if (url := url_of(system)) is not None:
        if prometheus:
            raise HomeError(
                f"{url} is no system on this machine; docs/how-to/monitoring.md says how to watch it"
            )
        named = [name for name in _AWS if os.environ.get(name)]
        if not named:
            raise HomeError(
                f"no variable names the object store of {url}; only who runs it knows its address and keys: "
                f"set {', '.join(_NEEDED)} (docs/operations.md has an example)"
            )
        raise HomeError(
            f"the object store of {url} is the one that these variables name already: {', '.join(named)}"
        )
    if prometheus:
        print(prometheus_config(home_of(system)), end="")
        return
    variables = home_of(system).store_environment()
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        print(f"{'export ' if export else ''}{name}={shlex.quote(value)}")
