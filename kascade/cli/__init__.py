"""The `kascade` command: drop data, send events, call functions, see what happened and why."""

from __future__ import annotations

import codecs
import json
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from eventing.store import StoreError
from kascade.cli import (
    artifacts,
    delete,
    events,
    explaining,
    features,
    labels,
    logs,
    models,
    new,
    predict,
    registering,
    repair,
    replay,
    spec,
    status,
    steering,
    system,
)
from kascade.errors import KascadeError
from kascade.rendering.terminal import visible

_EXAMPLES = (
    "kascade demo",
    "kascade spec init train.csv --target churned --model churn --out model.yaml",
    "kascade drop model.yaml train.csv --model churn",
    "kascade register other.onnx --model churn",
    "kascade events --follow --subject churn",
    "kascade explain churn/v3",
    'kascade rollback churn --comment "too many complaints"',
    "kascade replay --policy model.yaml",
    "kascade new function notify_owner --on model.rejected",
    "kascade models --url k8s://production/kascade",
)

_COMMANDS = (
    system,
    spec,
    new,
    registering,
    predict,
    status,
    models,
    events,
    explaining,
    logs,
    artifacts,
    delete,
    repair,
    replay,
    steering,
    features,
    labels,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"kascade {version('kascade')}")
        raise typer.Exit


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="kascade",
        help="Event-driven, serverless MLOps on Knative: drop data into a bucket, get a model you can curl.",
        epilog="\n\n".join(("Examples:", *_EXAMPLES)),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module in _COMMANDS:
        module.register(app)
    return app


def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the version")
    ] = False,
) -> None:
    pass


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Write what the output's encoding has no place for as JSON does: in JSON it stays the same text."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _leave(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: what was started for the command ends with it."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; known errors are one clear message and exit code 1."""
    codecs.register_error("json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="json")
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _leave)
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        build()()
    except (KascadeError, StoreError, OSError) as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(Text.assemble(("kascade:", "bold red"), f" {visible(str(error))}"))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
