"""`kascade replay`: would another model.yaml have decided otherwise?

The replay is imported when the command runs: the functions' rules need packages of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from eventing.catalogue import Claim
from eventing.store import Store
from eventing.words.numbers import clock
from kascade.cli.options import LOOK, JsonOption, SystemOption, wide_console
from kascade.client import connect
from kascade.reach.systems import store_of
from kascade.rendering.terminal import escape
from kascade.system.home import HomeError

if TYPE_CHECKING:
    from kascade.replay.comparison import Compared
    from kascade.replay.recording import Recorded
    from pipelines.spec import ModelSpec

DIFFERS = 3
"""The exit code when the replay decides something otherwise."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: kascade replay --policy model.yaml --all", rich_help_panel=LOOK)(replay)


def replay(
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", help="JSON Lines of `kascade events --json`; else the running system's ledger"
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="a model.yaml to try; else the policies that decided")
    ] = None,
    model: Annotated[str | None, typer.Option(help="only this model; else the policy's, or all")] = None,
    all_: Annotated[bool, typer.Option("--all", help="list the decisions that do not differ, too")] = False,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Make every decision in a log again and show what would differ; exit 3 if anything does.

    A decision is made from the inputs that its event carries: by the policy it was made by, then a difference
    means that this release decides otherwise; or by --policy. What another decision would have led to is not
    played: after the first difference, the others of the governor and the judge are marked what-if.

    Some cannot be replayed, and are listed with the reason: those recorded without inputs, by an earlier
    release, and those whose file of inputs cannot be read; and under another policy what asks for other
    data than there was: columns of gate.slices that were not measured; drift.detector, drift.features,
    drift.window; labels.window, entity and, in a canary, rollout.canary_percent. A judge that would have
    needed more labels or time than it had "waits"; a phase that rollout.phases adds is not seen.
    """
    try:
        from kascade.replay.recording import ReplayError
        from kascade.replay.replaying import replay as run
    except ImportError as error:
        raise HomeError(
            f"{error}: a replay runs the functions' own rules; install kascade[functions]"
        ) from error
    tried = _tried(policy, model)
    try:
        log = _log(from_, system)
    except ReplayError as error:
        raise HomeError(str(error)) from error
    with ExitStack() as stack:
        decisions = run(log, _reader(stack, system), tried=tried, model=model)
    if as_json:
        for each in decisions:
            print(json.dumps(each.as_json(), ensure_ascii=False))
    else:
        _print(decisions, len(log), all_)
    if any(each.differs for each in decisions):
        raise typer.Exit(DIFFERS)


def _tried(policy: Path | None, model: str | None) -> ModelSpec | None:
    from pipelines.spec import SpecError, check_rules, parse_spec
    from pipelines.spec.problems import render

    if policy is None:
        return None
    if not policy.is_file():
        raise HomeError(f"{policy} is not a file")
    try:
        return parse_spec(policy.read_bytes(), model=model, checks=[check_rules])
    except SpecError as error:
        raise HomeError(f"{policy}: " + "; ".join(map(render, error.problems))) from error


def _log(file: Path | None, system: str | None) -> list[Recorded]:
    from kascade.replay.recording import in_order, read_lines, recorded_of

    if file is not None:
        if not file.is_file():
            raise HomeError(f"{file} is not a file")
        with file.open(encoding="utf-8") as lines:
            return read_lines(lines)
    with connect(system) as client:
        rows = client.ledger(whole=1)
        return in_order([recorded_of(row, number) for number, row in enumerate(rows, 1)])


def _reader(stack: ExitStack, system: str | None) -> Callable[[Claim], bytes]:
    """Return how a file of inputs is read: from the object store of the system, opened when first needed."""

    @cache
    def store() -> Store:
        return stack.enter_context(store_of(system))

    return lambda claim: store().get(claim.uri, sha256=claim.sha256)


def _print(decisions: Sequence[Compared], events: int, everything: bool) -> None:
    console = wide_console()
    shown = [each for each in decisions if everything or each.differs or not each.decidable]
    if shown:
        table = Table(
            "time", "model", "decision", "recorded", "replayed", "why", box=None, header_style="bold"
        )
        for each in shown:
            table.add_row(*map(escape, _cells(each)), style="red" if each.differs else "")
        console.print(table)
    differ = sum(each.differs for each in decisions)
    open_ = sum(not each.decidable for each in decisions)
    unknown = f", {open_} cannot be replayed" if open_ else ""
    colour = "red" if differ else "green"
    console.print(f"[{colour}]{differ} of {len(decisions)} decisions in {events} events differ[/]{unknown}")


def _cells(each: Compared) -> tuple[str, ...]:
    what_if = "(what-if: it rests on another difference) " if each.what_if and each.differs else ""
    about = each.area if each.subject == each.model else f"{each.area} {each.subject}"
    why = f"{what_if}{each.why}" + (f"; {each.unknown}" if each.unknown else "")
    return (clock(each.at.isoformat()), each.model, about, each.recorded, each.replayed, why)
