"""Commands with which a person steers a model: rollback, promote, approve, reject, retrain and more."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from eventing import catalogue as c
from eventing.event import Event, originate
from kascade.cli import outcomes
from kascade.cli.options import SOURCE, STEER, JsonOption, SystemOption, print_json, print_result
from kascade.cli.request import Outcome, Recorded, Request, print_outcome, send_and_wait
from kascade.client import Client, connect

ModelArgument = Annotated[str, typer.Argument(help="the model's name", show_default=False)]
VersionArgument = Annotated[str, typer.Argument(help="3 or v3", show_default=False)]
ByOption = Annotated[str | None, typer.Option("--by", help="who asks; else your login name")]
CommentOption = Annotated[str, typer.Option(help="why; it stays in the ledger")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="send it and do not wait for the answer")]
TimeoutOption = Annotated[float, typer.Option(min=1, help="seconds to wait for the answer")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(
        epilog='Example: kascade rollback churn --comment "too many complaints"', rich_help_panel=STEER
    )(rollback)
    app.command(epilog="Example: kascade promote churn 3", rich_help_panel=STEER)(promote)
    app.command(epilog="Example: kascade approve churn 3 --by ann", rich_help_panel=STEER)(approve)
    app.command(epilog='Example: kascade reject churn 3 --comment "not in spring"', rich_help_panel=STEER)(
        reject
    )
    app.command(epilog="Example: kascade pause churn", rich_help_panel=STEER)(pause)
    app.command(epilog="Example: kascade resume churn", rich_help_panel=STEER)(resume)
    app.command(epilog='Example: kascade retire churn --comment "no longer sold"', rich_help_panel=STEER)(
        retire
    )
    app.command(epilog='Example: kascade retrain churn --comment "new price list"', rich_help_panel=STEER)(
        retrain
    )


def rollback(
    model: ModelArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Take back the rollout under way; without one, give the traffic back to the champion before."""
    event = rollout_request(model, c.RolloutAction.ROLL_BACK, None, by, comment)
    _ask(place, event, no_wait, timeout, as_json, outcomes.completed(event, c.RolloutOutcome.ROLLED_BACK))


def promote(
    model: ModelArgument,
    version: Annotated[
        str | None, typer.Argument(help="3 or v3; else the one under way", show_default=False)
    ] = None,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """End the rollout under way with a promotion; with VERSION and none under way, promote that one."""
    event = rollout_request(model, c.RolloutAction.PROMOTE, version, by, comment)
    _ask(place, event, no_wait, timeout, as_json, outcomes.completed(event, c.RolloutOutcome.PROMOTED))


def pause(
    model: ModelArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 60,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Hold back the judge's verdicts on the rollout under way until `kascade resume`."""
    event = rollout_request(model, c.RolloutAction.PAUSE, None, by, comment)
    _ask(place, event, no_wait, timeout, as_json, outcomes.nothing, outcomes.paused)


def resume(
    model: ModelArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 60,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Let a paused rollout go on, with the verdict that came meanwhile, if any."""
    event = rollout_request(model, c.RolloutAction.RESUME, None, by, comment)
    # One that is not paused is refused: then that it stands unpaused is no answer.
    with connect(place) as client:
        paused = not no_wait and _is_paused(client, model)
        state = outcomes.resumed if paused else None
        _ask_by(client, event, no_wait, timeout, as_json, outcomes.ended(event), state)


def retire(
    model: ModelArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Take the model out of service, with whatever is under way; `kascade retrain` begins anew."""
    event = rollout_request(model, c.RolloutAction.RETIRE, None, by, comment)
    _ask(place, event, no_wait, timeout, as_json, outcomes.retired(event))


def approve(
    model: ModelArgument,
    version: VersionArgument,
    by: ByOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 120,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Let a version be rolled out, where the gate asks for a person or has refused it."""
    number = _number(version)
    payload = _checked(c.ModelApproved, model=model, version=number, approved_by=_who(by))
    event = _event(c.MODEL_APPROVED, f"{model}/v{number}", payload)
    _ask(place, event, no_wait, timeout, as_json, outcomes.rolling, outcomes.queued(event, number))


def reject(
    model: ModelArgument,
    version: VersionArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 60,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Refuse a version for good, where the gate asks for a person."""
    number = _number(version)
    payload = _checked(c.ModelRejected, model=model, version=number, rejected_by=_who(by), message=comment)
    event = _event(c.MODEL_REJECTED, f"{model}/v{number}", payload)
    _ask(place, event, no_wait, timeout, as_json, outcomes.nothing, outcomes.rejected(event, number))


def retrain(
    model: ModelArgument,
    by: ByOption = None,
    comment: CommentOption = "",
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = 60,
    as_json: JsonOption = False,
    place: SystemOption = None,
) -> None:
    """Ask the governor for a training run now; exit 1 if it refuses."""
    payload = _checked(c.TrainingRequested, model=model, requested_by=_who(by), comment=comment)
    _ask(place, _event(c.TRAINING_REQUESTED, model, payload), no_wait, timeout, as_json, outcomes.governed)


def _ask(
    place: str | None,
    event: Event,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    answer: Callable[[Recorded, bool], Outcome | None],
    state: Callable[[Recorded], Outcome | None] | None = None,
) -> None:
    with connect(place) as client:
        _ask_by(client, event, no_wait, timeout_s, as_json, answer, state)


def _ask_by(
    client: Client,
    event: Event,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    answer: Callable[[Recorded, bool], Outcome | None],
    state: Callable[[Recorded], Outcome | None] | None,
) -> None:
    if no_wait:
        client.emit(event)
        print_result({"id": event.id}, as_json)
        return
    console = Console(highlight=False, emoji=False, soft_wrap=True, quiet=as_json)
    outcome = send_and_wait(client, Request(event, answer, state), console, timeout_s=timeout_s)
    if as_json:
        print_json({"id": event.id, "ok": outcome.ok, "message": outcome.message})
    print_outcome(outcome, console)
    if not outcome.ok:
        raise typer.Exit(1)


def _is_paused(client: Client, model: str) -> bool:
    return any(outcomes.paused(each) for each in client.describe(model))


def rollout_request(
    model: str, action: c.RolloutAction, version: str | None, by: str | None, comment: str
) -> Event:
    number = None if version is None else _number(version)
    payload = _checked(
        c.RolloutRequested,
        model=model,
        action=action,
        version=number,
        requested_by=_who(by),
        comment=comment,
    )
    return _event(c.ROLLOUT_REQUESTED, model, payload)


def _event(type_: str, subject: str, payload: c.Payload) -> Event:
    return originate(type_, SOURCE, subject, payload, now=datetime.now(UTC))


def _checked(payload: type[c.Payload], **fields: Any) -> c.Payload:
    try:
        return payload(**fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise typer.BadParameter(wrong) from error


def _number(text: str) -> int:
    if not re.fullmatch(r"v?[1-9][0-9]{0,8}", text):
        raise typer.BadParameter(f"{text!r} is no version: write 3 or v3")
    return int(text.removeprefix("v"))


def _who(by: str | None) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
