"""Brings a model on the platform to a goal, as far as it goes now: observe, take the next step, repeat."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from eventing.errors import Rejected
from functions.roll_out_model.deployer import (
    Deployer,
    Observed,
    Readiness,
    Refused,
    ServedVersion,
    Unavailable,
)
from functions.roll_out_model.logic import (
    Deploy,
    Desired,
    Goal,
    Hold,
    Mirror,
    Promote,
    Remove,
    Retirement,
    RollBack,
    Rollout,
    Shift,
    Wait,
    next_action,
    next_repair,
)

_STEPS = 6
_NOT_YET = Wait("the platform has not caught up yet")
_log = logging.getLogger("kascade.roll_out_model")


@dataclass(frozen=True)
class Progress:
    """How far the platform came.

    Attributes:
        last: how it ended, or what is waited for; None: nothing is left to do.
        exists: the version that is rolled out exists.
        url: where the model answers.
        refused: why the platform refused a step, where what came before it is not undone yet.
    """

    last: Promote | RollBack | Wait | Hold | None
    exists: bool = False
    url: str | None = None
    refused: str = ""


def reconcile(deployer: Deployer, goal: Goal, now: datetime) -> Progress:
    """Do what can be done now, without waiting. Each step may be repeated, so a call goes on after a crash.

    A platform that does not answer is waited for, past a rollout's deadline too: without it nothing can be
    undone.

    Raises:
        Rejected: the platform refuses a retirement that is asked for now.
    """
    match goal:
        case Rollout():
            return roll_out(deployer, goal, now)
        case Retirement():
            return _retire(deployer, goal)
        case Desired():
            return Progress(_repair(deployer, goal))


def roll_out(deployer: Deployer, rollout: Rollout, now: datetime) -> Progress:
    """Take a rollout on. A step that the platform refuses ends it, once the steps before are undone."""
    model, version = rollout.version.model, rollout.version.version
    exists, observed = False, Observed()
    try:
        for _ in range(_STEPS):
            observed = deployer.observe(model)
            exists = exists or observed.status(version).readiness is not Readiness.ABSENT
            action = next_action(rollout, observed, now)
            if isinstance(action, RollBack):
                _apply_action(deployer, model, Remove(version, rollout.champion))
            if isinstance(action, Promote | RollBack | Wait | Hold):
                return Progress(action, exists, observed.url)
            _apply_action(deployer, model, action)
            exists = True
    except Unavailable as error:
        return Progress(Wait(str(error)), exists)
    except Refused as error:
        return _undo(deployer, rollout, exists, f"{rollout.version.name} was refused: {error}")
    return Progress(_NOT_YET, exists, observed.url)


def _undo(deployer: Deployer, rollout: Rollout, exists: bool, message: str) -> Progress:
    """Undo what there is of a rollout, but nothing where the model's name is somebody else's."""
    model, version = rollout.version.model, rollout.version.version
    try:
        observed = deployer.observe(model)
    except Unavailable as error:
        return Progress(Wait(str(error)), exists, refused=message)
    except Refused:
        return Progress(RollBack(message), exists)
    try:
        if observed.mirror is not None or observed.status(version).readiness is not Readiness.ABSENT:
            _apply_action(deployer, model, Remove(version, rollout.champion))
    except Unavailable as error:
        return Progress(Wait(str(error)), exists, observed.url, message)
    except Refused as error:
        message = f"{message}; it cannot be taken back: {error}"
    return Progress(RollBack(message), exists, observed.url)


def _repair(deployer: Deployer, desired: Desired) -> Wait | None:
    """Repair what can be repaired now; return what there is to wait for."""
    if desired.champion is None and not desired.ended:
        return None
    try:
        for _ in range(_STEPS):
            repair = next_repair(desired, deployer.observe(desired.model))
            if repair is None or isinstance(repair, Wait):
                return repair
            _log.warning("repairing", extra={"fields": {"model": desired.model, "by": str(repair)}})
            _apply_action(deployer, desired.model, repair)
    except Unavailable as error:
        return Wait(str(error))
    except Refused as error:
        _log.warning("not repaired", extra={"fields": {"model": desired.model, "for": str(error)}})
        return None
    return _NOT_YET


def _retire(deployer: Deployer, retirement: Retirement) -> Progress:
    try:
        gone = deployer.delete(retirement.model)
    except Unavailable as error:
        return Progress(Wait(str(error)))
    except Refused as error:
        if retirement.asked_now:
            raise Rejected(f"{retirement.model} cannot be retired: {error}") from error
        return Progress(Wait(str(error)))
    return Progress(None if gone else Wait(f"{retirement.model} has not gone yet"))


def _apply_action(deployer: Deployer, model: str, action: Deploy | Shift | Mirror | Remove) -> None:
    match action:
        case Deploy(version, keep):
            deployer.deploy(version, keep)
        case Shift(traffic):
            deployer.shift(model, traffic)
        case Mirror(traffic):
            deployer.mirror(model, traffic)
        case Remove(version, ServedVersion() as fallback):
            deployer.remove(model, version, fallback)
        case Remove():
            deployer.delete(model)
