"""Rollouts judged as the judge does: wrong promotions, wrong rollbacks, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.promises import betting
from benchmarks.promises.streams import Draw, Losses
from functions.judge_rollout.logic import advance, judge
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.past import blocks_of_past
from functions.judge_rollout.phases import begin
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.verdict import Inconclusive, Promote, RollBack

START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy(label_window=timedelta(0), deadline=timedelta(days=365))
VERDICTS = {1: "promoted", -1: "rolled_back", 0: "waits"}


@dataclass(frozen=True, slots=True)
class Case:
    """Rollouts of one kind.

    Attributes:
        labels: at most so many in each.
        past: losses of the champion from before the rollout.
        blocks: they are learnt from; False: each label is bet on by itself, whatever it depends on.
    """

    draw: Draw
    labels: int = 20_000
    past: int = 5_000
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class Ends:
    """How rollouts ended, and after how many labels."""

    verdicts: tuple[str, ...]
    labels: tuple[int, ...] = ()

    def share(self, verdict: str) -> float:
        """Return the share with a verdict."""
        return sum(each == verdict for each in self.verdicts) / len(self.verdicts)

    def median(self, verdict: str) -> float:
        """Return the median number of labels of those with a verdict."""
        found = [n for n, each in zip(self.labels, self.verdicts, strict=True) if each == verdict]
        return float(np.median(found)) if found else float("nan")


def run(case: Case, worse: float, *, rollouts: int, seed: int) -> Ends:
    """Judge shadows of a challenger that is worse by so much."""
    verdicts, labels = [], []
    for number in range(rollouts):
        losses = case.draw(np.random.default_rng([seed, number]), case.past + case.labels, worse)
        past = losses.champion[: case.past]
        blocks = blocks_of_past((past - past.mean()).tolist()) if case.blocks else None
        differences = (losses.challenger - losses.champion)[case.past :]
        verdict, taken, _ = betting.judge(differences, blocks, POLICY)
        verdicts.append(VERDICTS[verdict])
        labels.append(taken)
    return Ends(tuple(verdicts), tuple(labels))


def settle(requests: Iterable[Matured], policy: Policy = POLICY) -> str:
    """Return what the judge itself makes of some requests until the deadline."""
    ends = START + policy.deadline
    match judge(policy, advance(policy, begin(policy, START), requests, ends), ends):
        case Promote():
            return "promoted"
        case RollBack():
            return "rolled_back"
        case Inconclusive(reason=reason):
            return "waits" if reason == "deadline" else f"inconclusive: {reason}"
    raise AssertionError("there is a verdict by the deadline")


def shadow(
    losses: Losses,
    labelled: Iterable[bool],
    answers: Iterable[tuple[str, str]],
    entities: Iterable[str | None],
    ids: Sequence[str] | None = None,
) -> Iterator[Matured]:
    """Make a shadow's requests, a minute apart."""
    rows = zip(losses.champion.tolist(), losses.challenger.tolist(), strict=True)
    for number, ((one, other), known, said, entity) in enumerate(
        zip(rows, labelled, answers, entities, strict=False)
    ):
        yield Matured(
            f"{number:06}" if ids is None else ids[number],
            START + timedelta(minutes=number),
            entity,
            {"champion": one if known else None, "challenger": other if known else None},
            {"champion": said[0], "challenger": said[1]},
        )
