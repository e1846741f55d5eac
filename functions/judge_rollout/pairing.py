"""From matured answers to differences of loss: paired in a shadow, one against the next few in a canary.

In a shadow both arms answer each request, so one label gives one difference. In a canary an answer is
one arm's: losses gather, of both arms, until there are one of the challenger and `group` of the champion,
and their means are set against each other. So both are of the same moments, whatever the world does
meanwhile. Who is set against whom follows from the order of the predictions alone, never from a label's
value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from functions.judge_rollout.coverage import Arm

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Matured:
    """A request whose maturity window has closed.

    Attributes:
        prediction_id: of the request; in a shadow both arms' answers share it.
        at: when the prediction was made; aware.
        entity: whom it is about, if the model has entities.
        losses: one entry per arm that was asked: both in a shadow, one in a canary. None: no label
            came, or the arm gave no answer.
        answers: what each arm answered: its class, or about where its number lies.
    """

    prediction_id: str
    at: datetime
    entity: str | None
    losses: Mapping[Arm, float | None]
    answers: Mapping[Arm, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a canary's unfinished group holds.

    Attributes:
        period: number of the period it belongs to.
        challenger: losses gathered so far, oldest first.
        champion: the same of the champion.
        unpaired: challenger losses left over when their period ended.
    """

    period: int = -1
    challenger: tuple[float, ...] = ()
    champion: tuple[float, ...] = ()
    unpaired: int = 0


def number_of(at: datetime, period: timedelta) -> int:
    """Return the number of the period that holds `at`, counted from 1970 in UTC."""
    return (at - _EPOCH) // period


def losses_that_count(losses: Mapping[Arm, float | None], *, strict: bool) -> Mapping[Arm, float]:
    """Return the losses that count: those with a label; in strict mode a missing one at its worst.

    A shadow's request counts only with both arms' losses.
    """
    if strict:
        worst: dict[Arm, float] = {"champion": 0.0, "challenger": 1.0}
        return {arm: worst[arm] if loss is None else loss for arm, loss in losses.items()}
    if any(loss is None for loss in losses.values()):
        return {}
    return {arm: loss for arm, loss in losses.items() if loss is not None}


def pair(
    waiting: Waiting, losses: Mapping[Arm, float], *, period: int, group: int
) -> tuple[Waiting, float | None]:
    """Take in one request's losses; return what still waits and the difference that got ready, if any.

    Args:
        losses: as `losses_that_count` returns them; both arms' make a pair at once.
        period: number of the request's period.
        group: champion losses that a group needs.
    """
    if len(losses) == 2:
        return waiting, losses["challenger"] - losses["champion"]
    if period != waiting.period:
        left = waiting.unpaired + len(waiting.challenger)
        waiting = Waiting(period=period, unpaired=left)
    ours, theirs = waiting.challenger, waiting.champion
    if "challenger" in losses:
        ours = (*ours, losses["challenger"])
    if "champion" in losses:
        theirs = (*theirs, losses["champion"])
    if not ours or len(theirs) < group:
        return Waiting(waiting.period, ours, theirs, waiting.unpaired), None
    return Waiting(waiting.period, unpaired=waiting.unpaired), _mean(ours) - _mean(theirs)


def _mean(losses: tuple[float, ...]) -> float:
    return sum(losses) / len(losses)
