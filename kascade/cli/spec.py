"""`kascade spec`: drafts a model.yaml from a data file, checks one before it is dropped, prints its schema.

What reads a model.yaml is imported when it is needed: every other command starts without it.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from eventing.words.data_warnings import warning_line
from kascade.cli.options import BEGIN, JsonOption, print_json
from kascade.rendering.terminal import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventing.catalogue import Problem
    from pipelines.spec import Check, ModelSpec

spec_app = typer.Typer(
    name="spec",
    help="Draft a model.yaml from a data file, check one, or print its JSON Schema.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(spec_app, name="spec", rich_help_panel=BEGIN)


@spec_app.command()
def init(
    file: Annotated[
        Path, typer.Argument(help="CSV, JSON Lines or Parquet, with a header", show_default=False)
    ],
    target: Annotated[str, typer.Option(help="the column to predict", show_default=False)],
    model: Annotated[str | None, typer.Option(help="the model's name; by default the folder's")] = None,
    out: Annotated[Path | None, typer.Option(help="where to write; by default the terminal")] = None,
) -> None:
    """Write a commented model.yaml for FILE."""
    from pipelines.spec import SpecError, parse_spec
    from pipelines.spec.draft import UnknownTarget, draft_spec
    from pipelines.spec.problems import render

    try:
        from functions.data_files.refusal import FileRefused
        from functions.ingest_data.preview import preview
    except ImportError as error:
        raise _failure("reading files needs more: pip install 'kascade[ingest-data]'") from error

    try:
        columns, warnings = preview(file, target)
        text = draft_spec(columns, target=target, model=model)
        parse_spec(text.encode(), model=model or "model")
    except OSError as error:
        raise _failure(f"{file} cannot be read: {error.strerror}") from error
    except UnknownTarget as error:
        raise _failure(str(error)) from error
    except FileRefused as refusal:
        why = "; ".join([refusal.reason, *map(render, refusal.problems)])
        raise _failure(f"{file}: {why}") from refusal
    except SpecError as error:
        raise _failure(*map(render, error.problems)) from error
    for warning in warnings:
        typer.echo(warning_line(warning.model_dump()), err=True)
    if out is None:
        typer.echo(text, nl=False)
    elif out.exists():
        raise _failure(f"{out} is there already: remove it, or name another file")
    else:
        out.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {out}")


@spec_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="the model.yaml", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(help="the folder it will be dropped in; by default its key `model`, or its folder"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say everything that is wrong with a model.yaml, with lines; exit with 1 if anything is."""
    from pipelines.spec import MAX_SPEC_BYTES, SpecError, parse_spec
    from pipelines.spec.problems import render

    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise _failure(f"{file} cannot be read: {error.strerror}") from error
    try:
        spec = parse_spec(
            raw, model=model or _folder(raw, file), checks=[*_checks(), partial(_check_code, file.parent)]
        )
    except SpecError as error:
        problems = list(map(render, error.problems))
        if as_json:
            print_json({"ok": False, "problems": problems})
        raise _failure(*problems, quiet=as_json) from error
    _warn_of_what_is_missing(spec)
    if as_json:
        print_json({"ok": True, "model": spec.model, "target": spec.target, "problems": []})
    else:
        print(f"{file}: fine; model {spec.model}, target {spec.target}")


@spec_app.command()
def schema() -> None:
    """Print the JSON Schema of model.yaml, for editors that complete and check it."""
    from pipelines.spec.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _checks() -> list[Check]:
    """Return the rules between sections, and the checks of estimators and metrics, which need numpy."""
    from pipelines.spec import check_rules

    try:
        from pipelines.estimators import check_training
    except ImportError:
        typer.echo("estimators and metrics are not checked: numpy is not installed here", err=True)
        return [check_rules]
    return [check_rules, check_training]


def _check_code(folder: Path, spec: ModelSpec) -> Iterable[Problem]:
    """Yield what is wrong with the file that train.code names, where it lies beside the model.yaml."""
    from eventing.catalogue import Problem
    from pipelines.own_code.source import fault_of

    name = spec.train.code
    if name is None or name.startswith("s3://"):
        return
    try:
        fault = fault_of((folder / name).read_bytes(), name)
    except OSError as error:
        typer.echo(f"{name} (train.code) is not checked: {error.strerror}", err=True)
        return
    if fault is not None:
        yield Problem(where="train.code", problem=fault[0], fix=fault[1])


def _warn_of_what_is_missing(spec: ModelSpec) -> None:
    """Say which packages of its estimators this machine lacks: where it is trained they may be there."""
    try:
        from pipelines.estimators import missing_packages
    except ImportError:
        return
    for problem in missing_packages(spec):
        typer.echo(f"{problem.where}: {problem.problem} here; {problem.fix}", err=True)


def _folder(raw: bytes, file: Path) -> str | None:
    """Return the name of the file's folder when the file itself does not name its model."""
    from pipelines.spec import SpecError, decode_spec

    try:
        named = re.search(r"^model\s*:", decode_spec(raw), re.MULTILINE) is not None
    except SpecError:
        named = False
    return None if named else file.resolve().parent.name


def _failure(*lines: str, quiet: bool = False) -> typer.Exit:
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)
    for line in lines:
        console.print(f"[bold red]kascade spec:[/] {escape(line)}")
    return typer.Exit(1)
