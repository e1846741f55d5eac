"""Brings a model's Service back to what the facts say while no rollout is under way.

A handling that is overtaken by another, or dies before it is recorded, may leave the platform changed by what
was true before. `next_repair` remembers no steps, as `logic.next_action`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from functions.roll_out_model.deployer import Deployer, Refused, Unavailable
from functions.roll_out_model.logic import (
    CHALLENGER,
    PREVIOUS,
    Copy,
    Deploy,
    Observed,
    Readiness,
    Route,
    Shift,
    Wait,
    Wanted,
)

_STEPS = 6
_log = logging.getLogger("kascade.roll_out_model")


@dataclass(frozen=True)
class Settled:
    """What the facts say of a model.

    Attributes:
        champion: what serves by right.
        before: the champion before it, which is kept warm.
        lost: revisions of versions that were rolled out, taken back, and never champion.
    """

    model: str
    champion: Wanted | None
    before: Wanted | None
    lost: frozenset[str]


@dataclass(frozen=True)
class Remove:
    """Take a revision away."""

    revision: str


Repair = Deploy | Shift | Copy | Remove | Wait


def next_repair(settled: Settled, observed: Observed) -> Repair | None:
    """Return the next step back to what the facts say; None when nothing differs.

    A version that no fact has ended is left alone: its rollout may just be starting.
    """
    if observed.shadow is not None:
        return Copy(None)
    champion = settled.champion
    if champion is None:
        return Remove(observed.template) if observed.template in settled.lost else None
    readiness = observed.status(champion.revision).readiness
    if readiness is Readiness.ABSENT:
        asked = observed.template == champion.revision
        return Wait(f"{champion.revision} has not appeared yet") if asked else Deploy(_keep(observed))
    route = _route(champion, settled.before, observed)
    # What a template names exists, or is about to.
    lost = sorted(settled.lost & {*observed.revisions, observed.template or ""})
    if not lost and observed.pinned == route.shares and CHALLENGER not in observed.tags:
        return None
    if readiness is not Readiness.READY:
        return Wait(f"{champion.revision} is to have all traffic, and is not ready")
    return Remove(lost[0]) if lost else Shift(route)


def settle(deployer: Deployer, settled: Settled) -> Wait | None:
    """Repair what can be repaired now; return what there is to wait for."""
    if settled.champion is None and not settled.lost:
        return None
    try:
        for _ in range(_STEPS):
            repair = next_repair(settled, deployer.observe(settled.model))
            if repair is None or isinstance(repair, Wait):
                return repair
            _log.warning("repairing", extra={"fields": {"model": settled.model, "by": str(repair)}})
            _act(deployer, settled, repair)
    except Unavailable as error:
        return Wait(str(error))
    except Refused as error:
        _log.warning("not repaired", extra={"fields": {"model": settled.model, "for": str(error)}})
        return None
    return Wait("the platform has not caught up yet")


def _act(deployer: Deployer, settled: Settled, repair: Deploy | Shift | Copy | Remove) -> None:
    match repair:
        case Deploy(keep) if settled.champion is not None:
            deployer.ensure_revision(settled.champion, keep)
        case Shift(route):
            deployer.shift(settled.model, route)
        case Remove(revision):
            deployer.remove(settled.model, revision, settled.champion)
        case _:
            deployer.copy(settled.model, 0, None)


def _keep(observed: Observed) -> str | None:
    serving = {name: share for name, share in observed.serving.items() if name in observed.revisions}
    return max(serving, key=lambda name: serving[name], default=None)


def _route(champion: Wanted, before: Wanted | None, observed: Observed) -> Route:
    warm = before is not None and observed.status(before.revision).readiness is Readiness.READY
    return Route({champion.revision: 100}, {PREVIOUS: before.revision} if before and warm else {})
