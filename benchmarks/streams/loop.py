"""Drives the product's own rules over a stream: harm test, release of labels, governor, and what follows.

Every `TICK` rows the functions are called as the events would call them. A training takes no time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.clock import DELAY, EPOCH, TICK, at
from benchmarks.streams.generating import FIRST, Stream
from benchmarks.streams.learning import Learner
from benchmarks.streams.policies import Way
from benchmarks.streams.rollouts import Rollouts
from benchmarks.streams.training import Trainer, Version
from eventing.catalogue import TrainingReason
from functions.govern_training import logic as governor
from functions.govern_training.facts import Digests, Inputs, Request, Run, Start
from functions.govern_training.open_harm import leaves_harm_open
from functions.release_labels.logic import is_alarm_open, is_due
from functions.watch_performance.logic import Progress, add_labels, for_champion, is_in_quiet_period

_NEVER = 10**6


@dataclass(frozen=True)
class Decision:
    """What the loop did at a row."""

    row: int
    what: str


@dataclass(frozen=True)
class Outcome:
    """What came of a stream: the loss of each row that was played, the decisions, the versions."""

    losses: NDArray[np.float64]
    decisions: list[Decision]
    versions: list[Version]

    @property
    def trainings(self) -> int:
        """How many there were after the first."""
        return len(self.versions) - 1


@dataclass(frozen=True)
class Label:
    """A label that has matured."""

    at: datetime
    prediction_id: str
    loss: float | None


class Loop:
    """One stream under one policy."""

    def __init__(self, stream: Stream, learner: Learner, way: Way) -> None:
        self.stream, self.way = stream, way
        self.trainer = Trainer(stream, learner, way)
        self.parts = [FIRST]
        first = self.trainer.train(self.parts, FIRST)
        self.versions, self.decisions = [first], list[Decision]()
        self._served_by = np.zeros(len(stream.target), dtype=np.int64)
        unit = 1.0 if self.trainer.costs is None else self.trainer.costs.unit
        self.rollouts = Rollouts(way, first, unit, self._served_by, self._say, self._ended)
        self._runs: list[Run] = []
        self._reasons: set[TrainingReason] = set()
        self._harmed: int | None = None
        self._answers: dict[int, tuple[int, int]] = {}
        self._now = FIRST
        self._first_at = self._last_at = EPOCH
        self._released_at: datetime | None = None
        self._progress = for_champion(Progress(), first.number, way.spec.labels.window)
        self._watched = FIRST

    def run(self) -> Outcome:
        """Play all rows."""
        rows = len(self.stream.target)
        losses = np.empty(rows)
        for row in range(FIRST, rows, TICK):
            part, champion = slice(row, min(row + TICK, rows)), self.rollouts.champion
            losses[part] = champion.fitted.losses[part]
            self._served_by[part] = champion.number
            if part.stop - DELAY > FIRST:
                self._tick(part.stop)
        return Outcome(losses[FIRST:], self.decisions, self.versions)

    def _tick(self, row: int) -> None:
        self._now = row
        self.rollouts.take_labels(row)
        self._watch(row)
        self._release(row)
        self._govern(row)

    def _say(self, row: int, what: str) -> None:
        self.decisions.append(Decision(row, what))

    def _watch(self, row: int) -> None:
        """Take the champion's labels into the harm test."""
        champion, window = self.rollouts.champion, self.way.spec.labels.window
        progress = replace(for_champion(self._progress, champion.number, window), through=at(row))
        known = range(self._watched, row - DELAY)
        self._watched = max(self._watched, row - DELAY)
        labels = [
            Label(at(each), f"{each:06d}", float(champion.losses[each]))
            for each in known
            if self._served_by[each] == champion.number
        ]
        self._progress, alarm = add_labels(progress, labels, (), champion.baseline)
        if alarm is None or is_in_quiet_period(self._progress, window, at(row)):
            return
        self._progress = replace(self._progress, alarmed_at=at(row))
        self._open_harm(row)
        self._say(row, "harm")

    def _open_harm(self, row: int) -> None:
        self._harmed = self.rollouts.champion.number
        self._ask(row, TrainingReason.PERFORMANCE)

    def _ask(self, row: int, reason: TrainingReason) -> None:
        if not self._reasons:
            self._first_at = at(row)
        self._last_at = at(row)
        self._reasons.add(reason)

    def _release(self, row: int) -> None:
        """Give labelled rows back to train on."""
        unreleased = row - DELAY - sum(self.parts)
        alarmed_at = self._progress.alarmed_at
        alarmed = is_alarm_open(alarmed_at, self._released_at)
        if alarmed and alarmed_at is not None and not self.way.existing:
            alarmed = (at(row) - alarmed_at).total_seconds() >= self.way.spec.retrain.harm_min_rows
        alarmed = alarmed or (self.way.harm_stays_open and TrainingReason.PERFORMANCE in self._reasons)
        if is_due(self.way.spec, unreleased=unreleased, alarmed=alarmed):
            self._say(row, f"{unreleased} rows released")
            self.parts.append(unreleased)
            self._released_at = at(row)
            self._ask(row, TrainingReason.DATASET)

    def _govern(self, row: int) -> None:
        if self._harmed != self.rollouts.champion.number:
            self._reasons.discard(TrainingReason.PERFORMANCE)
        if not self._reasons:
            return
        total = sum(self.parts)
        digests = Digests(str(total), "", "")
        request = Request(frozenset(self._reasons), total, self._first_at, self._last_at, digests)
        runs = self._runs[-50:]
        if not self.way.harm_goes_on and any(run.hold_until is not None for run in runs):
            return
        inputs = Inputs(request, at(row), tuple(runs))
        decision = governor.decide(self.way.spec.retrain, inputs)
        if isinstance(decision, Start):
            self._reasons.clear()
            self._train(row, digests, decision)

    def _train(self, row: int, digests: Digests, decision: Start) -> None:
        version = self.trainer.train(self.parts, row)
        self._say(row, f"training ({decision.reason}), {version.rows} rows")
        self.versions.append(version)
        harm = decision.reason is TrainingReason.PERFORMANCE
        if harm:
            self._answers[version.number] = self.rollouts.champion.number, row
        run = Run(f"v{version.number}", version.number, True, digests, sum(self.parts), at(row), at(row))
        run = replace(run, answers_harm=harm, train_rows=version.rows, started_at=at(row), ended_at=at(row))
        self._runs.append(replace(run, outcome="completed", verdict="approved", hold_until=at(_NEVER)))
        if self.trainer.passes(version, self.rollouts.champion):
            self.rollouts.begin(row, version, harm=harm)
        else:
            self._say(row, f"gate: v{version.number} rejected")
            self._runs[-1] = replace(self._runs[-1], verdict="rejected", hold_until=None)
            self._reopen(version)

    def _ended(self, version: Version, outcome: str) -> None:
        """Write down what became of a version's rollout."""
        self._runs = [
            replace(run, rollout=outcome, hold_until=None) if run.version == version.number else run
            for run in self._runs
        ]
        self._reopen(version)

    def _reopen(self, version: Version) -> None:
        """Let harm wait again that a version was to answer and does not, as the governor does."""
        if not self.way.harm_stays_open or not leaves_harm_open(self._runs, version.number):
            return
        harmed, row = self._answers[version.number]
        if self.rollouts.champion.number == harmed and self.rollouts.recalled_at.get(harmed, 0) <= row:
            self._open_harm(self._now)
