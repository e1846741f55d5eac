"""Who serves: rollouts that the product's judge decides, and former champions that may return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.streams.clock import DELAY, TICK, at
from benchmarks.streams.policies import Way
from benchmarks.streams.training import Version
from functions.judge_rollout import logic as judge
from functions.judge_rollout import phases
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import policy_of
from functions.judge_rollout.state import JudgeState
from functions.judge_rollout.verdict import Promote, RollBack, Wait
from functions.watch_performance.sequential_test import SequentialTest, add_loss


@dataclass
class Rollout:
    """A version beside the one that serves; `old` served before, where the version serves already."""

    version: Version
    state: JudgeState
    taken: int
    old: Version | None = None


class Rollouts:
    """The champion of a stream, the rollout under way, and the former champions.

    Args:
        say: takes (row, what was decided).
        ended: takes (version, outcome) of a rollout.
    """

    def __init__(
        self,
        way: Way,
        first: Version,
        say: Callable[[int, str], None],
        ended: Callable[[Version, str], None],
    ) -> None:
        self.way, self.champion = way, first
        self.policy = policy_of(way.spec)
        self._say, self._ended = say, ended
        self._rollout: Rollout | None = None
        self._former: list[tuple[Version, SequentialTest]] = []
        self._since = 0

    def begin(self, row: int, version: Version, *, harm: bool) -> None:
        """Roll out a version that passed the gate."""
        if self.way.switch == "at once":
            self._promote(row, version)
            self._ended(version, "promoted")
            return
        old = self.champion
        self._rollout = Rollout(version, phases.begin(self.policy, at(row)), row)
        if self.way.switch == "watched" or (self.way.switch == "harm" and harm):
            self._rollout.old = old
            self._promote(row, version)
            self._ended(version, "promoted")  # a training need not wait until it was watched long enough

    def take_labels(self, row: int) -> None:
        """Take in the labels that are known at a row: the judge's, and those of former champions."""
        self._judge(row)
        self._recall(row)

    def _judge(self, row: int) -> None:
        rollout = self._rollout
        if rollout is None:
            return
        old = rollout.old or self.champion
        requests = tuple(_matured(each, old, rollout.version) for each in range(rollout.taken, row - DELAY))
        rollout.taken = max(rollout.taken, row - DELAY)
        decision = judge.decide(self.policy, judge.Inputs(rollout.state, at(row), requests))
        rollout.state = decision.state
        match decision.verdict:
            case Wait():
                return
            case Promote():
                outcome = "promoted"
                if rollout.old is None:
                    self._promote(row, rollout.version)
            case RollBack():
                outcome = "rolled_back"
                self._say(row, f"v{rollout.version.number} rolled back")
                if rollout.old is not None:
                    self._promote(row, rollout.old, again=True)
            case _:
                outcome = "inconclusive"
                self._say(row, f"v{rollout.version.number} inconclusive")
        self._rollout = None
        self._ended(rollout.version, outcome)

    def _promote(self, row: int, version: Version, *, again: bool = False) -> None:
        self._say(row, f"v{version.number} {'serves again' if again else 'promoted'}")
        if self.way.pool:
            kept = [each for each, _ in self._former if each not in (version, self.champion)]
            self._former = [(each, SequentialTest()) for each in [*kept, self.champion][-self.way.pool :]]
        self._since, self.champion = row, version

    def _recall(self, row: int) -> None:
        """Hold former champions against the champion by labels of since it serves; a better one returns."""
        known = range(max(self._since, row - DELAY - TICK), row - DELAY)
        champion, baseline = self.champion.fitted.losses, (1 + self.policy.margin) / 2
        for place, (version, test) in enumerate(self._former):
            for each in known:
                gained = (1 + champion[each] - version.fitted.losses[each]) / 2
                test = add_loss(test, float(gained), baseline=baseline)
            self._former[place] = version, test
        better = [(test.statistic, version.number, version) for version, test in self._former if test.crossed]
        if not better:
            return
        if self._rollout is not None:
            self._ended(self._rollout.version, "inconclusive" if self._rollout.old is None else "promoted")
            self._rollout = None
        self._promote(row, max(better)[2], again=True)


def _matured(row: int, champion: Version, challenger: Version) -> Matured:
    losses: dict[Arm, float | None] = {
        "champion": float(champion.fitted.losses[row]),
        "challenger": float(challenger.fitted.losses[row]),
    }
    return Matured(f"{row:06d}", at(row), None, losses)
