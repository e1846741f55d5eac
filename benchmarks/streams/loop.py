"""Drives the product's own rules over a stream: harm test, release of labels, governor, windows, gate, judge.

A row is a second. Its label is known `DELAY` seconds later, and every `TICK` rows the functions are called as
the events would call them. A training takes no time. What the rules themselves compute is the product's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.generating import FIRST, Stream
from benchmarks.streams.learning import Fitted, Learner
from eventing.catalogue import TrainingReason
from functions.evaluate_model import logic as gate
from functions.evaluate_model.bootstrap import paired_interval
from functions.govern_training import logic as governor
from functions.govern_training.facts import Digests, Request, Run, Start
from functions.govern_training.facts import Inputs as GovernorInputs
from functions.judge_rollout import logic as judge
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.policy import Policy, policy_of
from functions.judge_rollout.state import JudgeState
from functions.judge_rollout.verdict import Promote, RollBack, Wait
from functions.release_labels.logic import is_alarm_open, is_due
from functions.watch_performance import confidence_bounds
from functions.watch_performance.logic import Progress, add_labels, for_champion, is_in_quiet_period
from functions.watch_performance.sequential_test import SequentialTest, add_loss
from pipelines import windows
from pipelines.metrics import METRICS, default_metric
from pipelines.spec import ModelSpec

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DELAY, TICK = 500, 25
RESAMPLES = 200
LEAST_HELD = 100
HOLDOUT = 0.2


@dataclass(frozen=True)
class Way:
    """A policy: a model.yaml, and what it has no word for.

    Attributes:
        existing: labels that were there before an alarm count as rows to train on after it.
        switch: how a version that passed the gate takes over: after a shadow that the judge decides
            ("judge"), "at once", or "watched": at once, and taken back if the judge finds it worse than the
            version before. "harm" is watched after an alarm, and the judge otherwise.
        evidence: the judge starts with the newest labelled rows, which neither version was fitted to.
        pool: how many former champions are compared with the champion on each label.
        gated: whether the gate decides at all.
        opening: so many first labels of a champion raise its baseline.
    """

    name: str
    spec: ModelSpec
    existing: bool = False
    switch: str = "judge"
    evidence: bool = False
    pool: int = 0
    gated: bool = True
    opening: int = 0
    lenient: bool = False
    hold: float = HOLDOUT
    clearly: float = windows.CLEARLY


@dataclass
class Trial:
    """The chosen window's model without the newest rows, and those rows."""

    twin: Fitted | None
    newest: NDArray[np.int64]


@dataclass
class Version:
    """A model, and how it came to be."""

    number: int
    fitted: Fitted
    baseline: float
    rows: int
    first: int
    at: int


@dataclass
class Decision:
    """What the loop did at a row."""

    row: int
    what: str


@dataclass
class Outcome:
    """What came of a stream: the loss of each answer, the trainings, the decisions, the versions."""

    losses: NDArray[np.float64]
    predicted: NDArray[Any]
    trained: list[int]
    decisions: list[Decision]
    versions: list[Version] = field(default_factory=list)


@dataclass(frozen=True)
class Label:
    """A label that has matured."""

    at: datetime
    prediction_id: str
    loss: float | None


@dataclass
class Rollout:
    """A version beside the one that serves; `old` was served before where the new one serves already."""

    version: Version
    run: int
    state: JudgeState
    taken: int
    old: Version | None = None


def at(row: int) -> datetime:
    """Return the time of a row."""
    return EPOCH + timedelta(seconds=row)


class Loop:
    """One stream under one policy."""

    def __init__(self, stream: Stream, learner: Learner, way: Way) -> None:
        self.stream, self.learner, self.way = stream, learner, way
        self.policy: Policy = policy_of(way.spec)
        rng = np.random.default_rng(stream.seed + 7)
        self.held = rng.random(len(stream.target)) < way.hold
        self.parts = [FIRST]
        self.reasons: set[TrainingReason] = set()
        self.first_at = self.last_at = EPOCH
        self.alarmed_at: datetime | None = None
        self.released_at: datetime | None = None
        self.runs: list[Run] = []
        self.count = 0
        self.decisions: list[Decision] = []
        self.rollout: Rollout | None = None
        self.former: list[tuple[Version, SequentialTest]] = []
        first = self._train(FIRST)[0]
        self.versions = [first]
        self.champion = first
        self.by = np.zeros(len(stream.target), dtype=np.int64)
        self.progress = for_champion(Progress(), first.number, self.window)
        self.watched = FIRST

    @property
    def window(self) -> timedelta:
        """The window of labels."""
        return self.way.spec.labels.window

    @property
    def released(self) -> int:
        """How many rows the dataset has."""
        return sum(self.parts)

    def run(self) -> Outcome:
        """Play all rows."""
        rows = len(self.stream.target)
        losses = np.empty(rows)
        predicted = np.empty_like(self.champion.fitted.predicted)
        for row in range(FIRST, rows, TICK):
            part = slice(row, min(row + TICK, rows))
            losses[part] = self.champion.fitted.losses[part]
            predicted[part] = self.champion.fitted.predicted[part]
            self.by[part] = self.champion.number
            self._tick(part.stop)
        trained = [version.at for version in self.versions[1:]]
        return Outcome(losses[FIRST:], predicted[FIRST:], trained, self.decisions, self.versions)

    def _tick(self, row: int) -> None:
        known = row - DELAY
        if known <= FIRST:
            return
        self._judge(row, known)
        self._watch(row, known)
        self._switch_back(row, known)
        self._release(row, known)
        self._govern(row)

    def _say(self, row: int, what: str) -> None:
        self.decisions.append(Decision(row, what))

    def _watch(self, row: int, known: int) -> None:
        """Take the champion's labels into the harm test."""
        self.progress = replace(self.progress, through=at(row))
        rows = [each for each in range(self.watched, known) if self.by[each] == self.champion.number]
        self.watched = max(self.watched, known)
        losses = self.champion.fitted.losses
        labels = [Label(at(each), f"{each:06d}", float(losses[each])) for each in rows]
        self.progress, alarm = add_labels(self.progress, labels, (), self.champion.baseline)
        if alarm is None or is_in_quiet_period(self.progress, self.window, at(row)):
            return
        self.progress = replace(self.progress, alarmed_at=at(row))
        self.alarmed_at = at(row)
        self._ask(row, TrainingReason.PERFORMANCE)
        self._say(row, "harm")

    def _ask(self, row: int, reason: TrainingReason) -> None:
        if not self.reasons:
            self.first_at = at(row)
        self.last_at = at(row)
        self.reasons.add(reason)

    def _release(self, row: int, known: int) -> None:
        """Give labelled rows back to train on."""
        unreleased = known - self.released
        alarmed = is_alarm_open(self.alarmed_at, self.released_at)
        if alarmed and self.alarmed_at is not None and not self.way.existing:
            since = row - int((self.alarmed_at - EPOCH).total_seconds())
            alarmed = since >= self.way.spec.retrain.harm_min_rows
        if is_due(self.way.spec, unreleased=unreleased, alarmed=alarmed):
            self._say(row, f"{unreleased} rows released")
            self.parts.append(unreleased)
            self.released_at = at(row)
            self._ask(row, TrainingReason.DATASET)

    def _govern(self, row: int) -> None:
        if not self.reasons:
            return
        digests = Digests(str(self.released), "", "")
        request = Request(frozenset(self.reasons), self.released, self.first_at, self.last_at, digests)
        decision = governor.decide(
            self.way.spec.retrain, GovernorInputs(request, at(row), tuple(self.runs[-50:]))
        )
        if isinstance(decision, Start):
            self.reasons.clear()
            self._start(row, decision)

    def _start(self, row: int, decision: Start) -> None:
        version, newest = self._train(row)
        self._say(row, f"training ({decision.reason}), {version.rows} rows")
        self.versions.append(version)
        run = Run(
            run_id=f"v{version.number}",
            version=version.number,
            automatic=True,
            digests=Digests(str(self.released), "", ""),
            rows=self.released,
            approved_at=at(row),
            lease_until=at(row),
            train_rows=version.rows,
            started_at=at(row),
            ended_at=at(row),
            outcome="completed",
            verdict="approved",
            hold_until=at(10**6),
        )
        self.runs.append(run)
        harm = decision.reason is TrainingReason.PERFORMANCE
        if self.way.gated and not self._passes(version, lenient=harm and self.way.lenient):
            self._say(row, f"gate: v{version.number} rejected")
            self._end(version, rollout=None, verdict="rejected")
            return
        self._roll_out(row, version, newest, harm=harm)

    def _end(self, version: Version, *, rollout: str | None, verdict: str = "approved") -> None:
        self._note(version, rollout=rollout, verdict=verdict)
        self.rollout = None

    def _note(self, version: Version, *, rollout: str | None, verdict: str = "approved") -> None:
        """Write down what became of a version."""
        self.runs = [
            replace(run, rollout=rollout, verdict=verdict, hold_until=None)
            if run.version == version.number
            else run
            for run in self.runs
        ]

    def _train(self, row: int) -> tuple[Version, Trial]:
        """Train on what the dataset has; return the version, and its twin without the newest rows."""
        first = self.way.spec.train.window.start(self.parts)
        rows = np.arange(sum(self.parts[:first]), self.released)
        fitted_to = rows[~self.held[rows]]
        trial = Trial(None, np.arange(0))
        if self.way.spec.train.window.auto:
            fitted_to, trial = self._choose(fitted_to)
        fitted = self.learner.fit(fitted_to)
        judged = self._judged(int(fitted_to[0]))
        self.count += 1
        baseline = self._baseline(fitted.losses[judged])
        return Version(self.count, fitted, baseline, len(fitted_to), int(fitted_to[0]), row), trial

    def _choose(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Trial]:
        """Choose the window on the newest of some rows."""
        target = self.stream.target[rows]
        losses = np.empty(len(rows))
        fold = np.arange(len(rows)) % windows.FOLDS
        for each in range(windows.FOLDS):
            losses[fold == each] = self.learner.fit(rows[fold != each]).losses[rows[fold == each]]
        change = windows.last_change(losses)
        newest = rows[-windows.newest_rows(len(rows), change) :]
        classes = target if self.stream.classes else None
        tried = windows.lengths(len(rows), change=change, classes=classes)
        twins = [self.learner.fit(rows[-length : -len(newest)]) for length in tried]
        weights = 1 / np.bincount(target)[target[-len(newest) :]] if self.stream.family.balanced else None
        choice = windows.choose(
            [twin.losses[newest] for twin in twins], weights=weights, clearly=self.way.clearly
        )
        return rows[-tried[choice.index] :], Trial(twins[choice.index], newest)

    def _judged(self, first: int) -> NDArray[np.int64]:
        """Return the held rows that are as new as a window, and more where those are few."""
        start = self.way.spec.train.window.start(self.parts)
        rows = np.arange(sum(self.parts[:start]), self.released)
        rows = rows[self.held[rows]]
        return rows[-max(int(np.sum(rows >= first)), LEAST_HELD) :]

    def _baseline(self, losses: NDArray[np.float64]) -> float:
        if self.stream.classes is not None:
            return confidence_bounds.clopper_pearson(round(float(losses.sum())), len(losses))
        return confidence_bounds.bound_on_mean(len(losses), float(losses.mean()), float(losses.var()))

    def _passes(self, version: Version, *, lenient: bool) -> bool:
        """Ask the gate, on the held rows of the version's window."""
        rows = self._judged(version.first)
        metric = METRICS[default_metric(self.stream.family.task, self.stream.classes)]
        truth = self.stream.target[rows]
        ours, theirs = version.fitted.predicted[rows], self.champion.fitted.predicted[rows]
        found = paired_interval(metric, truth, ours, theirs, resamples=RESAMPLES, seed=version.number)
        if lenient:
            return found is None or found.high > -self.way.spec.gate.margin
        value = _defined(metric.compute(truth, ours))
        whole = gate.Measurement(
            value,
            len(rows),
            value,
            _defined(metric.compute(truth, theirs)),
            found.low if found else None,
            found.high if found else None,
        )
        inputs = gate.Inputs(metric=metric.name, whole=whole, champion=gate.Champion(self.champion.number))
        return gate.decide(self.way.spec.gate, inputs).outcome is gate.Outcome.APPROVE

    def _roll_out(self, row: int, version: Version, trial: Trial, *, harm: bool) -> None:
        watched = self.way.switch == "watched" or (self.way.switch == "harm" and harm)
        if self.way.switch == "at once":
            self._promote(row, version)
            self._end(version, rollout="promoted")
            return
        start = row
        old = self.champion
        requests: list[Matured] = []
        if self.way.evidence and trial.twin is not None and len(trial.newest):
            start = int(trial.newest[0])
            requests = [
                _matured(each, old.fitted.losses[each], trial.twin.losses[each])
                for each in trial.newest
                if each >= old.at
            ]
        state = judge.advance(self.policy, judge.begin(self.policy, at(start)), requests, at(row))
        self.rollout = Rollout(version, len(self.runs), state, row)
        if watched:
            self.rollout.old = old
            self._promote(row, version)
            self._note(version, rollout="promoted")
        self._judge(row, row - DELAY)

    def _judge(self, row: int, known: int) -> None:
        rollout = self.rollout
        if rollout is None:
            return
        old = rollout.old or self.champion
        requests = tuple(
            _matured(each, old.fitted.losses[each], rollout.version.fitted.losses[each])
            for each in range(rollout.taken, known)
        )
        rollout.taken = max(rollout.taken, known)
        decision = judge.decide(self.policy, judge.Inputs(rollout.state, at(row), requests))
        rollout.state = decision.state
        match decision.verdict:
            case Wait():
                return
            case Promote():
                if rollout.old is None:
                    self._promote(row, rollout.version)
                self._end(rollout.version, rollout="promoted")
            case RollBack():
                if rollout.old is not None:
                    self._promote(row, rollout.old, back=True)
                self._say(row, f"v{rollout.version.number} rolled back")
                self._end(rollout.version, rollout="rolled_back")
            case _:
                self._say(row, f"v{rollout.version.number} inconclusive")
                self._end(rollout.version, rollout="inconclusive")

    def _promote(self, row: int, version: Version, *, back: bool = False) -> None:
        self._say(row, f"v{version.number} {'serves again' if back else 'promoted'}")
        if self.way.pool:
            others = [v for v, _ in self.former if v is not version and v is not self.champion]
            self.former = [(v, SequentialTest()) for v in [*others, self.champion][-self.way.pool :]]
            self.pooled = row
        self.champion = version
        self.progress = for_champion(self.progress, version.number, self.window)
        self.alarmed_at = self.alarmed_at if back else None

    def _switch_back(self, row: int, known: int) -> None:
        """Compare former champions with the champion on each label since it serves; the best may return."""
        if not self.former:
            return
        first = max(self.pooled, known - TICK)
        champion = self.champion.fitted.losses
        margin = self.policy.margin
        kept = []
        for version, test in self.former:
            for each in range(first, known):
                x = (1 + champion[each] - version.fitted.losses[each]) / 2
                test = add_loss(test, float(x), baseline=(1 + margin) / 2)
            kept.append((version, test))
        self.former = kept
        crossed = [(test.statistic, version) for version, test in kept if test.crossed is not None]
        if crossed:
            _, version = max(crossed, key=lambda each: each[0])
            if self.rollout is not None:
                self._end(self.rollout.version, rollout="inconclusive")
            self._say(row, "a former champion is better")
            self._promote(row, version, back=True)


def _matured(row: int, champion: float, challenger: float) -> Matured:
    losses: dict[Arm, float | None] = {"champion": float(champion), "challenger": float(challenger)}
    return Matured(f"{row:06d}", at(int(row)), None, losses)


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
