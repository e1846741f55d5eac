"""Takes a rollout as far as it goes now: observe, decide, act, and again, without waiting."""

from __future__ import annotations

from dataclasses import dataclass

from functions.roll_out_model.deployer import Deployer, Refused, Unavailable
from functions.roll_out_model.logic import (
    Copy,
    Deploy,
    Hold,
    Observed,
    Promote,
    Readiness,
    RollBack,
    Rollout,
    Shift,
    Wait,
    next_action,
)
from functions.roll_out_model.records import Moment

_STEPS = 6


@dataclass(frozen=True)
class Progress:
    """How far a rollout came: its last step, whether its revision exists, and where the model answers."""

    last: Promote | RollBack | Wait | Hold
    exists: bool
    url: str | None = None


def advance(deployer: Deployer, rollout: Rollout, moment: Moment) -> Progress:
    """Do what can be done now. Every step may be repeated: a crash at any point is made good by the next.

    A platform that does not answer is waited for, past the deadline too: without it nothing can be undone.
    A step that it refuses ends the rollout, once what the steps before did is taken back.
    """
    exists, observed = False, Observed()
    try:
        for _ in range(_STEPS):
            observed = deployer.observe(rollout.wanted.model)
            exists = exists or observed.status(rollout.wanted.revision).readiness is not Readiness.ABSENT
            action = next_action(rollout, observed, moment.now)
            if isinstance(action, RollBack):
                _remove(deployer, rollout)
            if isinstance(action, Promote | RollBack | Wait | Hold):
                return Progress(action, exists, observed.url)
            _act(deployer, rollout, action)
            exists = True
    except Unavailable as error:
        return Progress(Wait(str(error)), exists)
    except Refused as error:
        return _refused(deployer, rollout, exists, f"{rollout.wanted.revision} was refused: {error}")
    return Progress(Wait("the platform has not caught up yet"), exists, observed.url)


def _refused(deployer: Deployer, rollout: Rollout, exists: bool, message: str) -> Progress:
    """Take back what there is of a rollout, but nothing from a Service that is not ours."""
    try:
        observed = deployer.observe(rollout.wanted.model)
    except Unavailable as error:
        return Progress(Wait(str(error)), exists)
    except Refused:
        return Progress(RollBack(message), exists)
    try:
        if observed.shadow is not None:
            deployer.copy(rollout.wanted.model, 0, None)
        if observed.status(rollout.wanted.revision).readiness is not Readiness.ABSENT:
            deployer.remove(rollout.wanted.model, rollout.wanted.revision, rollout.champion)
    except Unavailable as error:
        return Progress(Wait(str(error)), exists, observed.url)
    except Refused as error:
        return Progress(RollBack(f"{message}; it cannot be taken back: {error}"), exists, observed.url)
    return Progress(RollBack(message), exists, observed.url)


def _act(deployer: Deployer, rollout: Rollout, action: Deploy | Shift | Copy) -> None:
    wanted = rollout.wanted
    match action:
        case Deploy(keep):
            deployer.ensure_revision(wanted, keep)
        case Shift(route):
            deployer.shift(wanted.model, route)
        case Copy(address):
            champion = rollout.champion.version if rollout.champion else 0
            deployer.copy(wanted.model, champion, address)


def _remove(deployer: Deployer, rollout: Rollout) -> None:
    """Send the traffic back and stop the copies before the revision goes, so that nobody asks for it."""
    deployer.copy(rollout.wanted.model, 0, None)
    deployer.remove(rollout.wanted.model, rollout.wanted.revision, rollout.champion)
