"""Looks at new data: reads it and the champion's reference, checks, and writes the report."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, DatasetIngested, WindowClosed
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import DigestMismatch, ObjectMissing, Store
from functions.detect_drift.columns import Table, Untested
from functions.detect_drift.detectors.alibi import MissingExtra
from functions.detect_drift.importance import IMPORTANT, importance
from functions.detect_drift.logic import UnknownDetector, conclude, observe
from functions.detect_drift.observed import Observed
from functions.detect_drift.report import to_html, to_json
from functions.detect_drift.rule import Checked, Policy, Status
from functions.detect_drift.sample import sample_log, sample_part
from functions.detect_drift.tables import chosen, reference_table, scored_rows, window_table
from functions.detect_drift.telling import Of, Told, events_of
from functions.state.database import transaction
from functions.state.drift import INSUFFICIENT, DriftLook, take_look, tested_before
from functions.state.specs import spec_of
from functions.state.versions import ModelVersion, champion, get_version
from pipelines.card import Card, parse_card
from pipelines.layout import SCORE
from pipelines.spec.policies import Drift

MIN_ROWS = 500
"""A window that the spec makes smaller is enough, as it was asked for."""
LABELLED = "labelled/"
"""Where release_labels puts labelled predictions: those were looked at as windows already."""

Read = Callable[[Sequence[str]], pa.Table]
"""Reads new data of the features named, or a sample of it."""

_log = logging.getLogger("kascade.detect_drift")


Champion = tuple[ModelVersion, Drift]


@dataclass(frozen=True)
class Looked:
    """What a look found. `counted`: it spends a share of the budget."""

    number: int
    counted: bool
    checked: Checked
    told: Told


def read_champion(session: Session, model: str) -> Champion | None:
    """Return a model's champion, and how its drift is looked for; None without a champion."""
    number = champion(session, model)
    version = None if number is None else get_version(session, model, number)
    spec = spec_of(session, model)
    return None if version is None else (version, spec.drift if spec else Drift())


@dataclass(frozen=True)
class Looking:
    """One event's look; `now` is when it is made."""

    sessions: sessionmaker[Session]
    store: Store
    event: Event
    now: datetime

    def look(self, champion: Champion, payload: WindowClosed | DatasetIngested) -> Looked | None:
        """Hold new data against the champion's reference; None: it is passed over."""
        if isinstance(payload, WindowClosed):
            return self._at_window(champion, payload)
        return self._at_part(champion, payload)

    def record(self, session: Session, looked: Looked) -> list[Event]:
        """Write what became of a look; return the events that tell of it."""
        checked, told = looked.checked, looked.told
        row = session.get_one(DriftLook, (told.model, told.version, looked.number))
        if looked.counted and checked.status is not Status.INSUFFICIENT:
            row.status = checked.status.value
        row.rows = checked.rows
        return events_of(self.event, told, checked, self.now)

    def _at_window(self, champion: Champion, closed: WindowClosed) -> Looked | None:
        """Look at a window of the champion's predictions; another version's is passed over."""
        version, policy = champion
        if version.version != closed.version:
            return None
        files = [Claim.model_validate(each) for each in json.loads(self._get(closed.data))]
        digest = closed.data.sha256
        return self._look(
            version, policy, "inferences", lambda names: sample_log(self.store, files, names, digest)
        )

    def _at_part(self, champion: Champion, ingested: DatasetIngested) -> Looked | None:
        """Look at a new part, unless the champion was trained on it, or it is labelled predictions."""
        version, policy = champion
        if ingested.key.startswith(f"{ingested.model}/{LABELLED}"):
            return None
        if self._card(version).is_trained_on(ingested.part.sha256):
            return None
        return self._look(version, policy, "dataset", lambda names: self._sample(ingested.part, names))

    def _look(self, version: ModelVersion, drift: Drift, of: Of, read: Read) -> Looked:
        features = dict(self._card(version).features)
        tested, untested = chosen(features, drift.features)
        names = list(tested)
        sample = self._sample(version.reference, [*names, SCORE])
        reference = reference_table(sample, tested, scored=of == "inferences")
        data = read(names)
        current = (
            window_table(data, tested) if of == "inferences" else reference_table(data, tested, scored=False)
        )
        policy = Policy(alpha=drift.alpha, min_rows=min(MIN_ROWS, drift.window), min_effect=drift.min_effect)
        observed, unable = _observed(reference, current, drift.detector, policy)
        number, window, counted = self._number(version, of, tests=observed is not None)
        checked = conclude(reference, current, observed if counted else None, policy=policy, window=window)
        checked = replace(checked, untested=checked.untested + unable + untested)
        scored = scored_rows(sample, tested)
        weights = {name: round(importance(scored, name, SCORE), 4) for name in reference}
        told = self._report(version, drift, of, number, checked, reference, current, weights)
        return Looked(number, counted, checked, told)

    def _number(self, version: ModelVersion, of: Of, *, tests: bool) -> tuple[int, int, bool]:
        """Return the look's number, its number among those that test, and whether it is one of those.

        That is settled with the number: at a redelivery a look that tested nothing still spends nothing, as
        later ones were numbered without it.
        """
        with transaction(self.sessions) as session:
            look = take_look(
                session, version.model, version.version, source=self.event.source, event_id=self.event.id,
                of=of, at=self.now, status=None if tests else INSUFFICIENT,
            )  # fmt: skip
            return look.look, tested_before(session, look) + 1, look.status != INSUFFICIENT

    def _report(
        self,
        version: ModelVersion,
        drift: Drift,
        of: Of,
        number: int,
        checked: Checked,
        reference: Table,
        current: Table,
        weights: Mapping[str, float],
    ) -> Told:
        place = f"s3://reports/{version.model}/v{version.version}/drift-{number}"
        strong = any(name == SCORE or weights.get(name, 0.0) >= IMPORTANT for name in checked.drifted)
        document = {"of": of, "detector": drift.detector, "importance": weights, **to_json(checked)}
        report = self.store.put(f"{place}.json", json.dumps(document, ensure_ascii=False).encode())
        title = f"{version.model}/v{version.version}, {of}"
        page = self.store.put(f"{place}.html", to_html(checked, reference, current, title=title).encode())
        return Told(version.model, version.version, of, drift.detector, report, page.uri, strong)

    def _card(self, version: ModelVersion) -> Card:
        return parse_card(self._get(version.card))

    def _get(self, claim: Claim) -> bytes:
        with _there(claim):
            return self.store.get(claim.uri, sha256=claim.sha256)

    def _sample(self, claim: Claim, names: Sequence[str]) -> pa.Table:
        with _there(claim):
            return sample_part(self.store, claim, names)


@contextmanager
def _there(claim: Claim) -> Iterator[None]:
    """Refuse what names a file that is gone, or is another."""
    try:
        yield
    except (ObjectMissing, DigestMismatch) as error:
        raise Rejected(f"{claim.uri} cannot be held against anything: {error}") from error


def _observed(
    reference: Table, current: Table, detector: str, policy: Policy
) -> tuple[Observed | None, tuple[Untested, ...]]:
    """Make the tests; a detector that cannot run tells so for every column, and finds nothing."""
    try:
        return observe(reference, current, detector=detector, policy=policy), ()
    except UnknownDetector as error:
        raise Rejected(f"drift.detector in model.yaml: {error}") from error
    except MissingExtra as error:
        _log.error("drift is not looked for: %s", error)
        return None, tuple(Untested(name, str(error)) for name in reference)
