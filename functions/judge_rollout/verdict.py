"""What the judge may decide, with every number it used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from functions.judge_rollout.presence import Factor

Reason = Literal["coverage", "labels", "deadline"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a verdict rests on.

    Attributes:
        labels: scores of this phase: pairs in a shadow, complete groups in a canary.
        wealth_worse: of the bet that the challenger is worse.
        wealth_better: of the bet that it is not worse by the margin.
        threshold: the wealth that decides, 1/alpha.
        difference: mean of the challenger's loss minus the champion's over this phase; None without scores.
        coverage_champion: labelled share of the champion's matured predictions; None without any.
        coverage_challenger: the same of the challenger.
        repeats: predictions left out because their entity had been counted.
        unpaired: a canary's challenger labels that found no champion labels in their period.
        logged: requests that were taken in of before the rollout, answered from the log.
        label_digest: SHA-256 of the labels used, in order.
        block: scores in each block that was bet on; 1: each by itself.
        long_dependence: scores depend on others further away than blocks reach; stakes were kept small.
        past_losses: how many losses from before the rollout the blocks were learnt from.
        labels_depend_on: whose answer, or agreement, the share of labels hangs on; None: on nothing, or it
            was not compared yet.
        randomised: share of the predictions whose label was asked for at random; None: of none.
        asked: how many that were.
    """

    labels: int
    wealth_worse: float
    wealth_better: float
    threshold: float
    difference: float | None
    coverage_champion: float | None
    coverage_challenger: float | None
    repeats: int
    unpaired: int
    logged: int
    label_digest: str
    block: int = 1
    long_dependence: bool = False
    past_losses: int = 0
    labels_depend_on: Factor | None = None
    randomised: float | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Undecided; judge again when labels have come, at the latest at `until`."""

    numbers: Numbers
    until: datetime


@dataclass(frozen=True, slots=True)
class Promote:
    """The challenger is not worse than the champion by the margin.

    On probation it also stays when nothing was shown in time, for one of the reasons of `Inconclusive`.
    """

    numbers: Numbers
    reason: Reason | Literal["evidence"] = "evidence"


@dataclass(frozen=True, slots=True)
class RollBack:
    """The challenger is worse than the champion."""

    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Neither is shown: the champion stays and a person is asked.

    `coverage`: the arms' labels were missing unequally all the time. `labels`: whether there is a label hangs
    on what was answered. `deadline`: the time is up.
    """

    reason: Reason
    numbers: Numbers


Verdict = Wait | Promote | RollBack | Inconclusive
