"""Commands about the system as a whole: up, demo, drop, stream."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kascade.cli.address_book import print_address_book
from kascade.cli.drop_outcomes import BATCH, FEEDBACK, RAW
from kascade.cli.dropping import SPEC, drop_files, is_code
from kascade.cli.options import (
    BEGIN,
    HomeOption,
    JsonOption,
    NoWaitOption,
    SystemOption,
    TimeoutOption,
    print_json,
)
from kascade.cli.stream import stream
from kascade.client import connect
from kascade.reach.systems import home_of
from kascade.system.home import DEMO_HOME, Home, HomeError


class StoreKind(StrEnum):
    """Which object store a local system starts."""

    EMBEDDED = "embedded"
    MINIO = "minio"


class StoryKind(StrEnum):
    """How much of the demonstration is played."""

    TRAIN = "train"
    ROLLOUT = "rollout"
    DRIFT = "drift"
    FEATURES = "features"
    ALL = "all"


class EngineKind(StrEnum):
    """Where the demonstration's trainings run."""

    LOCAL = "local"
    AIRFLOW = "airflow"


StoreOption = Annotated[
    StoreKind, typer.Option(help="embedded needs nothing; minio is a real one (make minio)")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: kascade up --gateway-port 0 --home /tmp/try --fresh", rich_help_panel=BEGIN)(
        up
    )
    app.command(epilog="Example: kascade demo --store minio", rich_help_panel=BEGIN)(demo)
    app.command(epilog="Example: kascade drop model.yaml train.csv --model churn", rich_help_panel=BEGIN)(
        drop
    )
    app.command(
        epilog="Example: kascade stream weather.csv --model rain --target target", rich_help_panel=BEGIN
    )(stream)


def up(
    home: HomeOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="forget everything an earlier system left here")
    ] = False,
    store: StoreOption = StoreKind.EMBEDDED,
    gateway_port: Annotated[int, typer.Option(help="0 takes a free one")] = 8080,
    api_port: Annotated[int, typer.Option(help="0 takes a free one")] = 8081,
    store_port: Annotated[int, typer.Option(help="0 takes a free one")] = 9000,
    manifests: Annotated[
        list[Path] | None, typer.Option(help="folders or files to apply in place of ours; repeatable")
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="run training code that lies in the bucket (train.code)")
    ] = False,
    as_json: JsonOption = False,
    lock_fd: Annotated[
        int | None,
        typer.Option(hidden=True, help="the lock inherited from who holds the folder"),
    ] = None,
) -> None:
    """Start the whole system on this machine and keep it up until Ctrl-C."""
    from kascade.system.up import Ports, System

    console = Console(stderr=as_json)
    state = home_of(home)
    ports = Ports(gateway_port, api_port, store_port)
    with state.held(fresh=fresh, inherited=lock_fd):
        system = System(
            state, ports, store=store, manifests=manifests or [], console=console, allow_code=allow_code
        )
        sys.exit(system.run(lambda ready: _announce(ready, console, as_json)))


def _announce(home: Home, console: Console, as_json: bool) -> None:
    if as_json:
        print_json({"home": str(home.path), **asdict(home.endpoints())})
    else:
        print_address_book(home, console)


def demo(
    home: Annotated[Path, typer.Option(help="the demonstration's own state folder")] = DEMO_HOME,
    store: StoreOption = StoreKind.EMBEDDED,
    story: Annotated[
        StoryKind,
        typer.Option(
            help="how much of it: train, rollout, drift, or all; or features, which needs Feast (make feast)"
        ),
    ] = StoryKind.ALL,
    engine: Annotated[
        EngineKind,
        typer.Option(help="local trains in a job; airflow in a real Airflow beside it ($KASCADE_AIRFLOW)"),
    ] = EngineKind.LOCAL,
    keep: Annotated[
        bool, typer.Option("--keep", help="leave the system up at the end, until Ctrl-C")
    ] = False,
) -> None:
    """Play the whole story on a real data set, showing each event; the last line is JSON."""
    from kascade.demo import run_demo

    sys.exit(run_demo(home_of(home), store=store, story=story, keep=keep, engine=engine))


def _order(file: Path) -> int:
    """Return a file's place: code before the model.yaml that names it, data after it."""
    return 1 if file.name == SPEC else 0 if is_code(file.name) else 2


def drop(
    files: Annotated[list[Path], typer.Argument(help="a model.yaml, data files, or both")],
    model: Annotated[str, typer.Option(help="the model they belong to")],
    bucket: Annotated[str, typer.Option(help="the bucket to drop into")] = "raw",
    batch: Annotated[bool, typer.Option("--batch", help="have the champion score the files")] = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Put files into the bucket, as any S3 client could, and wait for what becomes of each.

    Exit 1 when a file is refused, or when nothing can come of it yet.
    """
    for file in files:
        if not file.is_file():
            raise HomeError(f"{file} is not a file")
    files = sorted(files, key=_order)
    bucket = BATCH if batch else bucket
    with connect(system) as client:
        follow = not no_wait and bucket in (RAW, FEEDBACK, BATCH)
        drop_files(client, files, model, bucket, as_json=as_json, follow=follow, timeout_s=timeout)
