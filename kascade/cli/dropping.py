"""Drops files into a bucket and waits for what becomes of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from eventing.store import ObjectMissing, Store
from kascade.cli.drop_outcomes import DropOutcomes, Dropped, announced
from kascade.cli.options import print_json, print_result
from kascade.cli.request import print_outcome
from kascade.client import Client
from kascade.rendering.terminal import escape

SPEC = "model.yaml"


def is_code(name: str) -> bool:
    """Whether a file is code that a model.yaml may name, and no data."""
    return name.endswith(".py") or (name.startswith("requirements") and name.endswith(".txt"))


def drop_files(
    client: Client,
    files: Sequence[Path],
    model: str,
    bucket: str,
    *,
    as_json: bool,
    follow: bool,
    timeout_s: float,
) -> None:
    """Put files into a bucket, with a bar for each, print their addresses, and what becomes of each.

    Args:
        follow: what becomes of them is asked for, which takes a ledger that answers.

    Raises:
        typer.Exit: one was refused, or is not read.
    """
    dropped: list[Dropped] = []
    try:
        with _bars() as progress:
            for file in files:
                dropped.append(_put(client, file, model, bucket, progress, follow=follow))
                if not as_json:
                    print_result({"uri": dropped[-1].uri}, as_json)
        if follow:
            report(client, dropped, model, as_json=as_json, timeout_s=timeout_s)
        for each in dropped if as_json and not follow else []:
            print_json({"uri": each.uri})
    except KeyboardInterrupt:
        if dropped and follow:
            later = f"kascade events --subject {model}"
            console = Console(stderr=True, highlight=False, soft_wrap=True)
            console.print(escape(f"waiting has ended, what was dropped goes on: {later}"))
        raise


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _put(client: Client, file: Path, model: str, bucket: str, progress: Progress, *, follow: bool) -> Dropped:
    """Put a file into a bucket; after Ctrl-C say whether it is there."""
    key = f"{model}/{file.name}"
    uri = f"s3://{bucket}/{key}"
    with client.store() as store, progress.open(file, "rb", description=file.name) as stream:
        before = _etag(store, uri)
        after = _last_announced(client, key) if follow else 0
        try:
            store.put(uri, stream)
            etag = store.head(uri).etag
        except KeyboardInterrupt:
            whether = "was not dropped" if _etag(store, uri) == before else "was dropped"
            progress.console.print(escape(f"{file.name} {whether}"), highlight=False, soft_wrap=True)
            raise
    return Dropped(key, bucket, etag, etag == before, after)


def _etag(store: Store, uri: str) -> str | None:
    try:
        return store.head(uri).etag
    except ObjectMissing:
        return None


def _last_announced(client: Client, key: str) -> int:
    """Return the position in the ledger of the last row that announces a key; 0: there is none."""
    return max((row["seq"] for row in announced(client, key)), default=0)


def report(
    client: Client, dropped: Sequence[Dropped], model: str, *, as_json: bool, timeout_s: float
) -> None:
    """Wait for what becomes of files and print it. Raises: typer.Exit: one was refused, or is not read."""
    console = Console(highlight=False, emoji=False, soft_wrap=True, quiet=as_json)
    outcomes = DropOutcomes(client, model, console, timeout_s)
    spec_comes, failed = False, False
    for each in dropped:
        outcome = outcomes.outcome_of(each, spec_comes=spec_comes)
        spec_comes = spec_comes or (outcome.ok and each.key.endswith(f"/{SPEC}"))
        failed = failed or not outcome.ok
        if as_json:
            print_json({"uri": each.uri, "ok": outcome.ok, "message": outcome.message})
        print_outcome(outcome, console)
    if failed:
        raise typer.Exit(1)
