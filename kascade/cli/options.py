"""Options that several commands share, and what they print on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kascade.rendering.terminal import visible, visible_json
from kascade.system.home import HomeError

BEGIN, LOOK, STEER, EVENTS = "Begin", "Look", "Steer a model", "Speak in events"
"""The headings under which `kascade --help` lists the commands."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="the state folder; else $KASCADE_HOME, else .kascade here", show_default=False
    ),
]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--home",
        "--url",
        metavar="SYSTEM",
        help="the system that is meant: a state folder, http://HOST:PORT of a gateway, or "
        "k8s://CONTEXT/NAMESPACE of a cluster, both may be left out; "
        "else $KASCADE_URL, $KASCADE_HOME, .kascade here",
        show_default=False,
    ),
]
SOURCE = "/kascade/cli"
"""The source of the events that commands send."""
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON, one value per line")]

NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="send it and do not wait for what becomes of it")
]
TimeoutOption = Annotated[float, typer.Option(min=1, help="seconds to wait for what becomes of it")]


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, at once."""
    print(visible_json(json.dumps(value, ensure_ascii=False)), flush=True)


def print_result(result: Mapping[str, Any], as_json: bool) -> None:
    """Print what a command made, one value a line, or as JSON with its name."""
    if as_json:
        print_json(result)
    else:
        for value in result.values():
            print(visible(str(value)), flush=True)


def wide_console() -> Console:
    """Return a console for trees and tables: on a terminal they are wrapped, in a file nothing is cut off."""
    fits = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, emoji=False, width=None if fits else 1000)


def read_json(data: str | None) -> Any:
    """Return the JSON that an option gives: itself, or as @FILE, or as - for standard input."""
    if data is None:
        return None
    name = "standard input" if data == "-" else data
    try:
        if data == "-":
            text = sys.stdin.read()
        else:
            text = Path(data[1:]).read_text(encoding="utf-8") if data.startswith("@") else data
        return json.loads(text)
    except FileNotFoundError:
        raise HomeError(f"there is no file {data[1:]}") from None
    except OSError as error:
        raise HomeError(f"{name.removeprefix('@')} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        hint = f"; @{data} stands for what the file holds" if os.path.isfile(data) else ""
        raise HomeError(f"{name[:200]} is not JSON: {error}{hint}") from error
