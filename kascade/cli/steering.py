"""Commands with which a person steers a model: rollback, promote, approve, reject, retrain and more."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer
from pydantic import ValidationError

from eventing import catalogue as c
from eventing.event import Event, originate
from kascade.cli import outcomes
from kascade.cli.options import SOURCE, STEER, JsonOption, SystemOption
from kascade.cli.request import Outcome, Recorded, Request, send
from kascade.client import Client, connect

ModelArgument = Annotated[str, typer.Argument(help="the model's name", show_default=False)]
VersionArgument = Annotated[str, typer.Argument(help="3 or v3", show_default=False)]


@dataclass(frozen=True)
class Options:
    """The options of every command here."""

    by: Annotated[str | None, typer.Option("--by", help="who asks; else your login name")] = None
    comment: Annotated[str, typer.Option(help="why; it stays in the ledger")] = ""
    no_wait: Annotated[bool, typer.Option("--no-wait", help="send it and do not wait for the answer")] = False
    timeout: Annotated[float, typer.Option(min=1, help="seconds to wait for the answer")] = 120
    as_json: JsonOption = False
    system: SystemOption = None

    @property
    def who(self) -> str:
        """Who asks."""
        try:
            return self.by or getpass.getuser()
        except (KeyError, OSError):
            return "unknown"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command, timeout_s, example in (
        (rollback, 120, 'rollback churn --comment "too many complaints"'),
        (promote, 120, "promote churn 3"),
        (approve, 120, "approve churn 3 --by ann"),
        (reject, 60, 'reject churn 3 --comment "not in spring"'),
        (pause, 60, "pause churn"),
        (resume, 60, "resume churn"),
        (retire, 120, 'retire churn --comment "no longer sold"'),
        (retrain, 1800, 'retrain churn --comment "new price list"'),
    ):
        app.command(epilog=f"Example: kascade {example}", rich_help_panel=STEER)(
            with_options(command, timeout_s, without=("comment",) if command is approve else ())
        )


def with_options(
    command: Callable[..., None], timeout_s: float, *, without: Sequence[str] = ()
) -> Callable[..., None]:
    """Give a command `Options` as options of its own; it gets them gathered in `options`."""
    own = [each for each in signature(command, eval_str=True).parameters.values() if each.name != "options"]
    hints = get_type_hints(Options, include_extras=True)
    shared = [
        Parameter(
            each.name,
            Parameter.POSITIONAL_OR_KEYWORD,
            default=timeout_s if each.name == "timeout" else each.default,
            annotation=hints[each.name],
        )
        for each in fields(Options)
        if each.name not in without
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        options = Options(**{each.name: given.pop(each.name) for each in shared})
        command(**given, options=options)

    parameters = [*own, *shared]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def rollback(model: ModelArgument, options: Options) -> None:
    """Take back the rollout under way; without one, give the traffic back to the champion before."""
    event = rollout_request(model, c.RolloutAction.ROLL_BACK, None, options)
    _send(event, options, outcomes.completed(event, c.RolloutOutcome.ROLLED_BACK))


def promote(
    model: ModelArgument,
    options: Options,
    version: Annotated[
        str | None, typer.Argument(help="3 or v3; else the one under way", show_default=False)
    ] = None,
) -> None:
    """End the rollout under way with a promotion; with VERSION and none under way, promote that one."""
    event = rollout_request(model, c.RolloutAction.PROMOTE, version, options)
    _send(event, options, outcomes.completed(event, c.RolloutOutcome.PROMOTED))


def pause(model: ModelArgument, options: Options) -> None:
    """Hold back the judge's verdicts on the rollout under way until `kascade resume`."""
    event = rollout_request(model, c.RolloutAction.PAUSE, None, options)
    _send(event, options, outcomes.nothing, outcomes.paused)


def resume(model: ModelArgument, options: Options) -> None:
    """Let a paused rollout go on, with the verdict that came meanwhile, if any."""
    event = rollout_request(model, c.RolloutAction.RESUME, None, options)
    # To resume a rollout that is not paused is refused, so that it is not paused proves nothing.
    with connect(options.system) as client:
        paused = not options.no_wait and _is_paused(client, model)
        state = outcomes.resumed if paused else None
        _send_by(client, Request(event, outcomes.ended(event), state), options)


def retire(model: ModelArgument, options: Options) -> None:
    """Take the model out of service, with whatever is under way; `kascade retrain` begins anew."""
    event = rollout_request(model, c.RolloutAction.RETIRE, None, options)
    _send(event, options, outcomes.retired(event))


def approve(model: ModelArgument, version: VersionArgument, options: Options) -> None:
    """Let a version be rolled out, where the gate asks for a person or has refused it."""
    number = _number(version)
    payload = _checked(c.ModelApproved, model=model, version=number, approved_by=options.who)
    event = event_about(c.ModelApproved.type, f"{model}/v{number}", payload)
    _send(event, options, outcomes.rolling, outcomes.queued(event, number))


def reject(model: ModelArgument, version: VersionArgument, options: Options) -> None:
    """Refuse a version for good, where the gate asks for a person."""
    number = _number(version)
    payload = _checked(
        c.ModelRejected, model=model, version=number, rejected_by=options.who, message=options.comment
    )
    event = event_about(c.ModelRejected.type, f"{model}/v{number}", payload)
    _send(event, options, outcomes.nothing, outcomes.rejected(event, number))


def retrain(
    model: ModelArgument,
    options: Options,
    force: Annotated[
        bool,
        typer.Option("--force", help="also on what has been trained on, or while a run is under way"),
    ] = False,
) -> None:
    """Ask for a training run now, and wait for the gate's verdict on what it makes."""
    payload = _checked(
        c.TrainingRequested,
        model=model,
        requested_by=options.who,
        comment=options.comment,
        **({"force": True} if force else {}),
    )
    event = event_about(c.TrainingRequested.type, model, payload)
    _send(event, options, outcomes.trained, goes_on=f"kascade models {model}")


def _send(
    event: Event,
    options: Options,
    answer: Callable[[Recorded, bool], Outcome | None],
    state: Callable[[Recorded], Outcome | None] | None = None,
    *,
    goes_on: str = "",
) -> None:
    with connect(options.system) as client:
        _send_by(client, Request(event, answer, state, goes_on=goes_on), options)


def _send_by(client: Client, request: Request, options: Options) -> None:
    send(client, request, no_wait=options.no_wait, timeout_s=options.timeout, as_json=options.as_json)


def _is_paused(client: Client, model: str) -> bool:
    return any(outcomes.paused(each) for each in client.describe(model))


def rollout_request(model: str, action: c.RolloutAction, version: str | None, options: Options) -> Event:
    """Build the event by which a person steps into a rollout."""
    payload = _checked(
        c.RolloutRequested,
        model=model,
        action=action,
        version=None if version is None else _number(version),
        requested_by=options.who,
        comment=options.comment,
    )
    return event_about(c.RolloutRequested.type, model, payload)


def event_about(type_: str, subject: str, payload: c.Payload) -> Event:
    """Build an event that a person sends."""
    return originate(type_, SOURCE, subject, payload, now=datetime.now(UTC))


def _checked(payload: type[c.Payload], **fields: Any) -> c.Payload:
    """Build a payload. Raises: typer.BadParameter naming what cannot be."""
    try:
        return payload(**fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise typer.BadParameter(wrong) from error


def _number(text: str) -> int:
    if not re.fullmatch(r"v?[1-9][0-9]{0,8}", text):
        raise typer.BadParameter(f"{text!r} is no version: write 3 or v3")
    return int(text.removeprefix("v"))
