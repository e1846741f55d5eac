"""What a judge decides from: a phase's predictions that have matured, with the loss of each arm's answer.

In a shadow the champion's rows and the challenger's share their ids. The challenger is asked shortly after
the champion, and answers in any order: what it has not answered holds up what follows for a while, and is
missing only then. What was asked before its first answer may have never reached it, and does not count. A
challenger that answers nothing is thereby never judged, and its rollout ends inconclusive at the deadline.
On probation it is the same the other way round: the champion answers copies of the challenger's requests.

Before all that come requests of before the rollout, which the challenger answered from the log. Of these only
those count that it was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from eventing.catalogue import Claim, RolloutPhase
from eventing.store import Store
from functions.inferences.log import read_log
from functions.inferences.scoring import Scoring
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.guards import Service
from functions.judge_rollout.pairing import Matured
from functions.judge_rollout.state import LoggedAnswers
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import labels_between

PATIENCE = timedelta(minutes=5)
"""How long an answer of a shadow may be on its way; a broker's retries are over by then."""

_ANSWERS = ("prediction_id", "at", "entity", "predicted", "predicted_number")


_COPIED: Mapping[RolloutPhase, Arm] = MappingProxyType(
    {RolloutPhase.SHADOW: "challenger", RolloutPhase.PROBATION: "champion"}
)


@dataclass(frozen=True)
class Arms:
    """The two versions of a rollout, and its phase."""

    model: str
    champion: int
    challenger: int
    phase: RolloutPhase

    @property
    def copied(self) -> Arm | None:
        """The arm that answers copies of the other's requests; None where each answers its own."""
        return _COPIED.get(self.phase)

    def of(self, batch: InferenceBatch) -> Arm | None:
        """Return the arm whose answers a file of the log holds; None for another's."""
        arms: dict[int, Arm] = {self.champion: "champion", self.challenger: "challenger"}
        arm = arms.get(batch.version)
        return arm if arm is not None and batch.shadow == (arm == self.copied) else None


@dataclass(frozen=True)
class Period:
    """The files of the log, and the labels, of a stretch of time."""

    batches: Sequence[tuple[Arm, InferenceBatch]]
    labels: Mapping[str, Any]
    last: datetime


def read_period(session: Session, arms: Arms, first: datetime, last: datetime) -> Period:
    """Return what may be judged of the predictions made in [first, last]."""
    found = [
        (arm, batch)
        for batch in batches_between(session, arms.model, first, last)
        if (arm := arms.of(batch)) is not None
    ]
    labels = {row.prediction_id: row.value for row in labels_between(session, arms.model, first, last)}
    return Period(found, labels, last)


def requests_of(
    store: Store, arms: Arms, period: Period, scoring: Scoring, *, now: datetime, fresh: bool
) -> list[Matured]:
    """Return the period's requests with the losses of who answered them, oldest first.

    Args:
        fresh: nothing of the phase has been taken in yet.

    Raises: eventing.store.StoreError.
    """
    files = [(arm, batch.claim) for arm, batch in period.batches if batch.rows]
    found = _requests(store, files, period, scoring, arms.copied)
    return found if arms.copied is None else list(_paired(found, arms.copied, now, fresh))


def logged_requests_of(
    store: Store, period: Period, scoring: Scoring, logged: LoggedAnswers
) -> list[Matured]:
    """Return the requests of before with the losses of both arms' answers to them, oldest first.

    Args:
        period: what the champion served then.

    Raises: eventing.store.StoreError.
    """
    served: list[tuple[Arm, Claim]] = [("champion", batch.claim) for _, batch in period.batches if batch.rows]
    files: list[tuple[Arm, Claim]] = [*served, ("challenger", logged.answers)]
    found = _requests(store, files, period, scoring, "challenger")
    return [each for each in found if "challenger" in each.losses]


def _requests(
    store: Store, files: Iterable[tuple[Arm, Claim]], period: Period, scoring: Scoring, copied: Arm | None
) -> list[Matured]:
    """Read the requests of a period from files of answers; the copied arm's say nothing but its answers."""
    rows: dict[str, tuple[datetime, str | None, dict[Arm, float | None], dict[Arm, str]]] = {}
    for arm, claim in sorted(files, key=lambda each: each[0] == copied):
        for row in read_log(store, [claim], _ANSWERS).to_pylist():
            identity = row["prediction_id"]
            loss = _loss(row, period.labels.get(identity), scoring)
            answer = scoring.about(_answer(row))
            answers: dict[Arm, str] = {} if answer is None else {arm: answer}
            known = rows.get(identity)
            if known is not None:
                known[2][arm] = loss
                known[3].update(answers)
            elif arm != copied:
                rows[identity] = (row["at"], row["entity"], {arm: loss}, answers)
    return [
        Matured(identity, at, entity, losses, answers)
        for identity, (at, entity, losses, answers) in sorted(
            rows.items(), key=lambda each: (each[1][0], each[0])
        )
        if at <= period.last
    ]


def _paired(requests: Iterable[Matured], copied: Arm, now: datetime, fresh: bool) -> Iterator[Matured]:
    """Yield what was copied to an arm, in order, up to the first whose answer may be on its way."""
    for each in requests:
        if copied in each.losses:
            fresh = False
            yield each
        elif each.at + PATIENCE > now and not fresh:
            return
        elif not fresh:
            yield replace(each, losses={**each.losses, copied: None})


def services_of(store: Store, batches: Iterable[tuple[Arm, InferenceBatch]]) -> dict[Arm, Service]:
    """Return how each arm served clients in a period. Raises: eventing.store.StoreError."""
    failures: dict[Arm, int] = {"champion": 0, "challenger": 0}
    latencies: dict[Arm, list[float]] = {"champion": [], "challenger": []}
    for arm, batch in batches:
        failures[arm] += batch.failures
        if batch.rows:
            table = read_log(store, [batch.claim], ["latency_ms"])
            latencies[arm] += [each / 1000 for each in table.column("latency_ms").to_pylist()]
    return {arm: Service(failures[arm], latencies[arm]) for arm in failures}


def _loss(row: Mapping[str, Any], label: Any, scoring: Scoring) -> float | None:
    if label is None:
        return None
    try:
        return scoring.loss(_answer(row), label)
    except (TypeError, ValueError):
        return None


def _answer(row: Mapping[str, Any]) -> str | float | None:
    number: float | None = row["predicted_number"]
    return row["predicted"] if number is None else number
