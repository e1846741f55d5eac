"""Who serves: rollouts that the product's judge decides, and former champions that may return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.clock import DELAY, TICK, at
from benchmarks.streams.policies import Way
from benchmarks.streams.training import Version
from eventing.catalogue import Claim
from functions.evaluate_model.pool import Former, Pool, Recall, decide, observe, promise
from functions.judge_rollout import logic as judge
from functions.judge_rollout import phases
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.past import MOST_LOSSES, blocks_of_past, centred
from functions.judge_rollout.policy import Terms, policy_of
from functions.judge_rollout.state import JudgeState, LoggedAnswers
from functions.judge_rollout.verdict import Promote, RollBack, Wait
from functions.judge_rollout.wealth import Blocks


@dataclass
class Rollout:
    """A version beside the one that serves; `old` served before, where the version serves already."""

    version: Version
    state: JudgeState
    taken: int
    old: Version | None = None


class Rollouts:
    """The champion of a stream, the rollout under way, and the former champions.

    `recalled_at`: at which row each was called back last.

    Args:
        unit: what the best answer that is always the same loses; margins are shares of it.
        served_by: number of the version that served each row.
        say: takes (row, what was decided).
        ended: takes (version, outcome) of a rollout.
    """

    def __init__(
        self,
        way: Way,
        first: Version,
        unit: float,
        served_by: NDArray[np.int64],
        say: Callable[[int, str], None],
        ended: Callable[[Version, str], None],
    ) -> None:
        self.way, self.champion = way, first
        self.policy, self._unit = policy_of(way.spec, Terms(unit)), unit
        self._pool_policy = way.spec.rollout.model_copy(update={"pool": way.pool})
        self._served_by, self._say, self._ended = served_by, say, ended
        self._versions = {first.number: first}
        self._rollout: Rollout | None = None
        self._formers: list[Version] = []
        self._since = 0
        self.recalled_at: dict[int, int] = {}
        self._pool = Pool(first.number, at(0), at(0))

    def begin(self, row: int, version: Version, *, harm: bool) -> None:
        """Roll out a version that passed the gate; a rollout under way ends."""
        self._versions[version.number] = version
        self._end_other()
        old, watched, first = self.champion, self.way.probation and harm, version.end
        blocks, past = self._blocks(first)
        logged = _logged(first, row)
        state = phases.begin(self.policy, at(row), blocks, past, probation=watched, logged=logged)
        if self.way.evidence and not watched and version.by == "arrival":
            for each in version.held[version.held >= old.end]:
                difference = float(version.judged_losses[each] - old.losses[each])
                state = judge.add_score(self.policy, state, difference)
        self._rollout = Rollout(version, state, first)
        if watched:
            self._rollout.old = old
            self._promote(row, version)
            self._ended(version, "promoted")  # a training need not wait until it was watched long enough
        else:
            self._judge(row)

    def take_labels(self, row: int) -> None:
        """Take in the labels that are known at a row: the judge's, and those of former champions."""
        self._judge(row)
        self._recall(row)

    def _blocks(self, before: int) -> tuple[Blocks, int]:
        """Return what to bet on, as losses of served answers ask for, and how many those were."""
        rows = [each for each in range(max(0, before - MOST_LOSSES), before) if self._served_by[each]]
        numbers = [int(self._served_by[each]) for each in rows]
        losses = [
            (number, float(self._versions[number].losses[each]))
            for number, each in zip(numbers, rows, strict=True)
        ]
        return blocks_of_past(centred(losses)), len(losses)

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
                    self._promote(row, rollout.old, again=True, keep=False)
            case _:
                outcome = "inconclusive"
                self._say(row, f"v{rollout.version.number} inconclusive")
        self._rollout = None
        self._ended(rollout.version, outcome)

    def _promote(self, row: int, version: Version, *, again: bool = False, keep: bool = True) -> None:
        self._say(row, f"v{version.number} {'serves again' if again else 'promoted'}")
        kept = [each for each in self._formers if each not in (version, self.champion)]
        self._formers = [*kept, *([self.champion] if keep else [])]
        size = self.way.pool
        formers = tuple(self._former(each) for each in self._formers[::-1][:size]) if size else ()
        self._pool = Pool(version.number, at(row), at(row), formers=formers, unit=self._unit)
        self._since, self.champion = row, version

    def _former(self, version: Version) -> Former:
        losses = version.judged_losses[version.held]
        promised = promise(float(losses.mean()), float(losses.var()), self.policy.margin * self._unit)
        return Former(version.number, promised=promised)

    def _recall(self, row: int) -> None:
        """Hold former champions against the champion by labels of since it serves; a better one returns."""
        champion, policy = self.champion.losses, self._pool_policy
        for each in range(max(self._since, row - DELAY - TICK), row - DELAY):
            theirs = {
                former.version: float(self._versions[former.version].losses[each])
                for former in self._pool.formers
            }
            self._pool = observe(policy, self._pool, float(champion[each]), theirs)
        found = decide(policy, self._pool)
        if not isinstance(found, Recall) or not self._may_return:
            return
        self._end_other()
        self.recalled_at[found.former.version] = row
        self._promote(row, self._versions[found.former.version], again=True)

    @property
    def _may_return(self) -> bool:
        """Whether a former champion may be called back: not while another version serves on probation."""
        if self._rollout is None:
            return True
        return self.way.recall_ends_phases and self._rollout.old is None

    def _end_other(self) -> None:
        if self._rollout is not None:
            self._ended(self._rollout.version, "inconclusive" if self._rollout.old is None else "promoted")
            self._rollout = None


def _logged(first: int, row: int) -> LoggedAnswers:
    """Return a note of the answers to requests of before: the bench takes them from the versions."""
    return LoggedAnswers(Claim(uri="s3://reports/stream/answers", sha256="0" * 64), at(first), at(row))


def _matured(row: int, champion: Version, challenger: Version) -> Matured:
    losses: dict[Arm, float | None] = {
        "champion": float(champion.losses[row]),
        "challenger": float(challenger.losses[row]),
    }
    return Matured(f"{row:06d}", at(row), None, losses)
