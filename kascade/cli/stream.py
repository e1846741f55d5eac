"""The command `kascade stream`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kascade.cli.options import JsonOption, print_json
from kascade.reach.systems import home_of
from kascade.stream.play import Player, default_spec
from kascade.stream.report import labels_of, marks_of, print_table, save, summary
from kascade.stream.running import is_up, running_system
from kascade.stream.source import read_source
from kascade.system.home import Home, HomeError


def stream(
    file: Annotated[Path, typer.Argument(help="a CSV file whose rows are in the order of time")],
    model: Annotated[str, typer.Option(help="name of the model to make")],
    target: Annotated[str, typer.Option(help="the column to predict")],
    train: Annotated[
        float, typer.Option(help="share of the rows that is training data", min=0.01, max=0.9)
    ] = 0.1,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="never retrain: what would have been without the loop")
    ] = False,
    spec: Annotated[
        Path | None,
        typer.Option(help="your own model.yaml in place of the default", exists=True, dir_okay=False),
    ] = None,
    label_delay: Annotated[float, typer.Option(help="seconds from a prediction to its label", min=0)] = 1.0,
    rate: Annotated[
        float | None, typer.Option(help="rows a second; as fast as the loop keeps up if not given", min=0.1)
    ] = None,
    rows: Annotated[int | None, typer.Option(help="only so many of the first rows", min=100)] = None,
    out: Annotated[
        Path, typer.Option(help="folder for the plot and the figures", file_okay=False, writable=True)
    ] = Path("stream"),
    home: Annotated[
        Path | None, typer.Option(help="state folder; a system that does not run there is started")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a long table through the loop and show how good the model stayed, with each decision marked."""
    console = Console(highlight=False, emoji=False, soft_wrap=True, stderr=as_json)
    source = read_source(file, target, rows)
    first = int(len(source.rows) * train)
    default = default_spec(model, target, label_delay_s=label_delay, frozen=frozen)
    text = spec.read_bytes() if spec else default
    state = _home(home, model, frozen=frozen)
    with ExitStack() as stack:
        if not is_up(state):
            stack.enter_context(running_system(state, store="embedded", console=console, fresh=home is None))
        player = Player(state, source, model, text, first, label_delay, rate, console)
        events = player.run()
    marks = marks_of(events, player.played)
    found = summary(
        player.played,
        marks,
        model=model,
        measure=player.measure,
        frozen=frozen,
        failed=player.failed,
        labels=labels_of(events),
    )
    print_table(found, console)
    figures, plot = save(found, out)
    if as_json:
        print_json(found)
    console.print(f"figures: {figures}; plot: {plot or 'none, matplotlib is not installed'}", markup=False)
    if player.failed:
        raise HomeError(f"{player.failed} rows were not answered")
    sys.exit(0)


def _home(home: Path | None, model: str, *, frozen: bool) -> Home:
    """Return the state folder: the one that was named, else one of this stream's own."""
    return home_of(home or Path(f".kascade-stream-{model}{'-frozen' if frozen else ''}"))
