"""What a judge decides from: a phase's predictions that have matured, with the loss of each arm's answer.

In a shadow the champion's rows and the challenger's share their ids. The challenger is asked shortly after
the champion, and answers in any order: what it has not answered holds up what follows for a while, and is
missing only then. What was asked before its first answer may have never reached it, and does not count. A
challenger that answers nothing is thereby never judged, and its rollout ends inconclusive at the deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from eventing.catalogue import RolloutPhase
from eventing.store import Store
from functions.inferences.log import read_log
from functions.inferences.scoring import Scoring
from functions.judge_rollout.coverage import Arm
from functions.judge_rollout.guards import Service
from functions.judge_rollout.pairing import Matured
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import labels_between

PATIENCE = timedelta(minutes=5)
"""How long an answer of a shadow may be on its way; a broker's retries are over by then."""

_ANSWERS = ("prediction_id", "at", "entity", "predicted", "predicted_number")


@dataclass(frozen=True)
class Arms:
    """The two versions of a rollout, and its phase."""

    model: str
    champion: int
    challenger: int
    phase: RolloutPhase

    def of(self, batch: InferenceBatch) -> Arm | None:
        """Return the arm whose answers a file of the log holds; None for another's."""
        shadow = self.phase is RolloutPhase.SHADOW
        if batch.version == self.champion and not batch.shadow:
            return "champion"
        if batch.version == self.challenger and batch.shadow == shadow:
            return "challenger"
        return None


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
    rows: dict[str, tuple[datetime, str | None, dict[Arm, float | None], dict[Arm, str]]] = {}
    shadow = arms.phase is RolloutPhase.SHADOW
    for arm, batch in sorted(period.batches, key=lambda each: each[0] != "champion"):
        if not batch.rows:
            continue
        for row in read_log(store, [batch.claim], _ANSWERS).to_pylist():
            identity = row["prediction_id"]
            loss = _loss(row, period.labels.get(identity), scoring)
            answer = scoring.about(_answer(row))
            answers: dict[Arm, str] = {} if answer is None else {arm: answer}
            known = rows.get(identity)
            if known is not None:
                known[2][arm] = loss
                known[3].update(answers)
            elif arm == "champion" or not shadow:
                rows[identity] = (row["at"], row["entity"], {arm: loss}, answers)
    found = [
        Matured(identity, at, entity, losses, answers)
        for identity, (at, entity, losses, answers) in sorted(
            rows.items(), key=lambda each: (each[1][0], each[0])
        )
        if at <= period.last
    ]
    return list(_paired(found, now, fresh)) if shadow else found


def _paired(requests: Iterable[Matured], now: datetime, fresh: bool) -> Iterator[Matured]:
    """Yield a shadow's requests, in order, up to the first whose answer may be on its way."""
    for each in requests:
        if "challenger" in each.losses:
            fresh = False
            yield each
        elif each.at + PATIENCE > now and not fresh:
            return
        elif not fresh:
            yield replace(each, losses={**each.losses, "challenger": None})


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
