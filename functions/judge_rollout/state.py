"""The whole state of one judge, and how it is written down.

A row in SQL holds it as JSON between two events; reading it back continues exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, TypeAdapter

from eventing.catalogue import Claim
from functions.judge_rollout.coverage import Coverage
from functions.judge_rollout.pairing import Waiting
from functions.judge_rollout.presence import Factor, Presence
from functions.judge_rollout.propensity import Unasked
from functions.judge_rollout.wealth import Bet, Blocks
from pipelines.serial_dependence import Series

Side = Literal["worse", "better"]
NO_LABELS = "0" * 64


@dataclass(frozen=True, slots=True)
class LoggedAnswers:
    """A file of a challenger's answers to requests that the champion served in (since, through]."""

    answers: Claim
    since: datetime
    through: datetime


@dataclass(frozen=True, slots=True)
class PhaseStart:
    """How a phase starts.

    Attributes:
        started_at: when the rollout started.
        phase_at: when this phase did.
        worse: the bet that the challenger is worse, as it stood after the phase before.
        digest: of what was taken in before.
        blocks: of requests whose labels are bet on together; None in rows of releases that did not use any.
        past: how many losses from before the rollout they were learnt from.
        per_score: how many requests make one score.
        probation: the challenger serves all requests, and the champion watches.
        logged: what the challenger answers to requests of before, which are taken in first.
    """

    started_at: datetime
    phase_at: datetime
    worse: Bet
    digest: str = NO_LABELS
    blocks: Blocks | None = None
    past: int = 0
    per_score: int = 1
    probation: bool = False
    logged: LoggedAnswers | None = None


@dataclass(frozen=True, slots=True)
class JudgeState:
    """The state of the judge in one phase of a rollout.

    Attributes:
        started_at: when the rollout started.
        phase_at: when this phase started; predictions made since count in it, and its deadline from then.
        worse: the bet that the challenger is worse.
        better: the bet that the challenger is not worse by the margin.
        crossed: the side whose wealth first reached the threshold; no bet is placed after that.
        coverage: labels per arm.
        scores: differences of loss that were bet on, in this phase.
        total: their sum, each by how much its labels count.
        weight: the sum of how much they count; None in rows of releases in which each counted 1.
        series: how they depend on each other.
        presence: labels by what was answered.
        unasked: labels that were not asked for at random, by what was answered.
        asked: predictions whose label was.
        even: coverage was alike, and hung on no answer, when last compared after "better" had crossed.
        selective: what labels hung on when they were last compared.
        compare_at: matured predictions of the challenger at which labels are compared again.
        waiting: unfinished groups of a canary.
        entities: keys of the entities that have been counted in `entity_period`.
        entity_period: number of the period `entities` belongs to.
        repeats: predictions left out because their entity had been counted.
        logged: requests that were taken in of before the phase.
        through: time and id of the last prediction taken in.
        digest: SHA-256 chain over every matured request taken in, in order.
        start: how the phase started; None in rows of releases that did not note it.
        requests: the newest file of the requests that were taken in, see record.py.
    """

    started_at: datetime
    phase_at: datetime
    worse: Bet
    better: Bet
    crossed: Side | None = None
    coverage: Coverage = field(default_factory=Coverage)
    scores: int = 0
    total: float = 0.0
    weight: float | None = None
    series: Series = field(default_factory=Series)
    presence: Presence = field(default_factory=Presence)
    unasked: Unasked = field(default_factory=Unasked)
    asked: int = 0
    even: bool = False
    selective: Factor | None = None
    compare_at: int = 0
    waiting: Waiting = field(default_factory=Waiting)
    entities: Annotated[frozenset[str], PlainSerializer(sorted)] = frozenset()
    entity_period: int = 0
    repeats: int = 0
    logged: int = 0
    through: tuple[datetime, str] | None = None
    digest: str = NO_LABELS
    start: PhaseStart | None = None
    requests: Claim | None = None

    @property
    def on_probation(self) -> bool:
        """Whether the challenger serves all requests, and the champion watches."""
        return self.start is not None and self.start.probation

    @property
    def logged_answers(self) -> LoggedAnswers | None:
        """What the challenger answers to requests of before the phase."""
        return None if self.start is None else self.start.logged

    @property
    def counts_from(self) -> datetime:
        """Since when predictions count."""
        logged = self.logged_answers
        return self.phase_at if logged is None else min(logged.since, self.phase_at)


_STORED = TypeAdapter(JudgeState)


def state_to_json(state: JudgeState) -> dict[str, Any]:
    """Return the state as JSON values."""
    document: dict[str, Any] = _STORED.dump_python(state, mode="json")
    return document


def state_from_json(document: Mapping[str, Any]) -> JudgeState:
    """Read what `state_to_json` wrote. Raises: ValueError when it is not a judge's state."""
    return _STORED.validate_python(document)
