"""What the state tells Prometheus: it outlives every process, so it counts while functions sleep.

The ledger is counted once, at the first scrape, and from then on only what came since. Two replicas tell the
same, so a query over them takes the greatest: `max by (model, type) (kascade_ledger_events_total)`.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import (
    PAYLOADS,
    PREFIX,
    S3_PREFIX,
    InferenceLogged,
    RolloutCompleted,
    RolloutOutcome,
)
from eventing.clock import Clock
from functions.record_events.models import describe_models
from functions.state.database import transaction
from functions.state.dead_letters import waits
from functions.state.ledger import DeadLetter, LedgerEvent

OTHER, OBJECT_EVENTS = "other", "com.amazonaws.s3"
_COUNTED = sorted(type_.removeprefix(PREFIX) for type_ in PAYLOADS if type_ != InferenceLogged.type)
_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


class LedgerMetrics(Collector):
    """Tells how many events there were, by model; how rollouts ended; dead letters; where models stand."""

    def __init__(self, sessions: sessionmaker[Session], clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._counted = 0
        self._events: Counter[tuple[str, str]] = Counter()
        self._rollouts: Counter[tuple[str, str]] = Counter()
        self._newest: datetime | None = None
        self._one_at_a_time = threading.Lock()

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the families; what the database does not answer fails the scrape."""
        with self._one_at_a_time, transaction(self._sessions, read_only=True) as session:
            self._count_on(session)
            letters = _dead_letters(session)
            models = describe_models(session, self._clock())
            events, rollouts, newest = dict(self._events), dict(self._rollouts), self._newest
        # A series that begins above 0 has no increase: each is there as soon as its model is known.
        for each in models:
            for type_ in _COUNTED:
                events.setdefault((each["model"], type_), 0)
            for outcome in RolloutOutcome:
                rollouts.setdefault((each["model"], outcome.value), 0)
        yield from families_of(events, rollouts, letters, newest, models)

    def _count_on(self, session: Session) -> None:
        """Count what was recorded since the last time. Numbers are given in the order of commits."""
        last = session.scalar(select(func.max(LedgerEvent.seq)))
        if last is None or last == self._counted:
            return
        since = (LedgerEvent.seq > self._counted, LedgerEvent.seq <= last)
        grouped = select(LedgerEvent.type, LedgerEvent.subject, func.count()).where(*since)
        events: Counter[tuple[str, str]] = Counter()
        for type_, subject, count in session.execute(grouped.group_by(LedgerEvent.type, LedgerEvent.subject)):
            events[model_in(subject), shown_type(type_)] += count
        ended = select(LedgerEvent.event).where(*since, LedgerEvent.type == RolloutCompleted.type)
        rollouts = Counter(_outcome(text) for text in session.scalars(ended))
        self._events += events
        self._rollouts += rollouts
        self._newest = session.scalar(select(LedgerEvent.recorded_at).filter_by(seq=last))
        self._counted = last


def shown_type(type_: str) -> str:
    """Return a type as it is shown: those that anyone may send are one, so that series stay few."""
    if type_ in PAYLOADS:
        return type_.removeprefix(PREFIX)
    return OBJECT_EVENTS if type_.startswith(S3_PREFIX) else OTHER


def model_in(subject: str | None) -> str:
    """Return the model that a subject begins with; nothing where it begins with none."""
    name = (subject or "").partition("/")[0]
    return name if _MODEL.fullmatch(name) else ""


def _outcome(text: str) -> tuple[str, str]:
    data = json.loads(text).get("data") or {}
    outcome = str(data.get("outcome"))
    return model_in(str(data.get("model"))), outcome if _MODEL.fullmatch(outcome.replace("_", "-")) else OTHER


def _dead_letters(session: Session) -> dict[tuple[str, ...], float]:
    waiting = waits()
    found: Counter[tuple[str, ...]] = Counter()
    for type_, count in session.execute(
        select(DeadLetter.type, func.count()).where(waiting).group_by(DeadLetter.type)
    ):
        found[(shown_type(type_),)] += count
    return dict(found) or {("",): 0}


def families_of(
    events: Mapping[tuple[str, str], int],
    rollouts: Mapping[tuple[str, str], int],
    letters: Mapping[tuple[str, ...], float],
    newest: datetime | None,
    models: list[dict[str, Any]],
) -> Iterator[Metric]:
    """Yield the families. `models` is what `/models` tells."""
    yield _counter(
        "kascade_ledger_events", "Events in the ledger, by model and type.", ("model", "type"), events
    )
    yield _counter("kascade_rollouts", "Rollouts that ended, by outcome.", ("model", "outcome"), rollouts)
    yield _gauge("kascade_dead_letters", "Dead letters that wait, by type.", ("type",), letters)
    at: Mapping[tuple[str, ...], float] = {} if newest is None else {(): newest.timestamp()}
    yield _gauge("kascade_ledger_newest_timestamp_seconds", "When the newest event was recorded.", (), at)
    yield from _models(models)


def _models(models: list[dict[str, Any]]) -> Iterator[Metric]:
    """Yield where each model stands."""
    champion: dict[tuple[str, ...], float] = {}
    breaker: dict[tuple[str, ...], float] = {}
    waiting: dict[tuple[str, ...], float] = {}
    coverage: dict[tuple[str, ...], float] = {}
    harm: dict[tuple[str, ...], float] = {}
    drifted: dict[tuple[str, ...], float] = {}
    differing: dict[tuple[str, ...], float] = {}
    moved: dict[tuple[str, ...], float] = {}
    for each in models:
        key = (str(each["model"]),)
        champion[key] = each["champion"] or 0
        breaker[key] = float(each["governor"]["breaker"]["open"])
        feedback: Mapping[str, Any] = each["feedback"] or {}
        waiting[key] = feedback.get("waiting", 0)
        for version in feedback.get("versions", [])[-2:]:
            if version["matured"]:
                coverage[*key, str(version["version"])] = version["labelled"] / version["matured"]
        if feedback.get("harm"):
            harm[key] = float(feedback["harm"]["alarmed_at"] is not None)
        if each["drift"]:
            drifted[key] = float(each["drift"]["status"] == "drifted")
        for view in each["features"]:
            if view["checked"]:
                differing[*key, view["view"]] = view["checked"]["differing"]
            for user, found in view["drift"].items():
                for name, effect in found["effects"].items():
                    moved[user, f"{each['model']}/{view['view']}", name] = effect
    yield _gauge("kascade_model_champion_version", "Version that serves; 0 is none.", ("model",), champion)
    yield _gauge(
        "kascade_model_breaker_open", "1 while automatic trainings are stopped.", ("model",), breaker
    )
    yield _gauge("kascade_model_labels_waiting", "Labels that wait to be joined.", ("model",), waiting)
    yield _gauge(
        "kascade_model_labelled_ratio",
        "Share of a version's mature predictions that are labelled.",
        ("model", "version"),
        coverage,
    )
    yield _gauge("kascade_model_harmed", "1 once labels proved the champion's harm.", ("model",), harm)
    yield _gauge("kascade_model_drifted", "1 when the newest check of data found drift.", ("model",), drifted)
    yield _gauge(
        "kascade_model_features_differing",
        "Entities of a view that differ online, of those compared last.",
        ("model", "view"),
        differing,
    )
    yield _gauge(
        "kascade_model_feature_effect",
        "How far a view's newest rows are from those that the champion was trained with.",
        ("model", "view", "feature"),
        moved,
    )


def _gauge(
    name: str, says: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _counter(
    name: str, says: str, labels: tuple[str, ...], values: Mapping[tuple[str, str], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, says, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
