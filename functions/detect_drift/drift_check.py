"""Checks new data for drift: reads it and the champion's reference, compares them, writes the report."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from pydantic import TypeAdapter
from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import Claim, DatasetIngested, DecisionInputs, Distribution, WindowClosed
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import DigestMismatch, ObjectMissing, Store, put_by_digest
from functions.detect_drift.columns import Pair, Table, Untested
from functions.detect_drift.compare import Checked, UnknownDetector, conclude, run_tests
from functions.detect_drift.detection import Detection
from functions.detect_drift.detectors.alibi import MissingExtra
from functions.detect_drift.distribution import distribution_of
from functions.detect_drift.events import Of, Report, drawn_features, events_of
from functions.detect_drift.importance import importance
from functions.detect_drift.independent import (
    Thinning,
    every_nth,
    rows_apart,
    rows_are_unlike,
    without_repeats,
)
from functions.detect_drift.logic import Policy, Status, policy_of
from functions.detect_drift.report import to_html, to_json
from functions.detect_drift.sample import sample_log, sample_part
from functions.detect_drift.tables import (
    reference_table,
    scored_rows,
    testable,
    window_table,
    with_few_values,
)
from functions.inferences.log import INPUT
from functions.state.database import transaction
from functions.state.drift import INSUFFICIENT, DriftCheckRow, number_check, tested_before
from functions.state.specs import spec_of
from functions.state.versions import ModelVersion, champion, get_version
from pipelines.card import Card, parse_card
from pipelines.layout import SCORE
from pipelines.spec.policies import Drift

LABELLED = "labelled/"
"""Where release_labels puts labelled predictions: those were checked as windows already."""

Read = Callable[[Sequence[str]], pa.Table]
"""Reads new data of the features named, or a sample of it."""

_FILES = TypeAdapter(list[Claim])
_log = logging.getLogger("kascade.detect_drift")


Champion = tuple[ModelVersion, Drift, str | None]
"""The version, how its drift is detected, and the column of its entity."""


@dataclass(frozen=True)
class Compared:
    """What a check compares.

    Attributes:
        rows: of the new data, before any was left out.
        thinning: how rows were left out that others depend on.
        weights: how much the version's scores depend on each feature.
        untested: columns that cannot be tested, and why.
        view: the feature view that the rows are of, as `<model>/<view>`.
    """

    of: Of
    reference: Table
    current: Table
    rows: int
    thinning: Thinning
    weights: Mapping[str, float]
    untested: tuple[Untested, ...]
    view: str | None = None


@dataclass(frozen=True)
class Result:
    """What a check found. `counted`: it spends a share of the budget."""

    number: int
    counted: bool
    checked: Checked
    report: Report
    distributions: Mapping[str, Distribution]


def read_champion(session: Session, model: str) -> Champion | None:
    """Return a model's champion, how its drift is detected, and its entity; None without a champion."""
    number = champion(session, model)
    version = None if number is None else get_version(session, model, number)
    spec = spec_of(session, model)
    return (
        None if version is None else (version, spec.drift if spec else Drift(), spec.entity if spec else None)
    )


@dataclass(frozen=True)
class DriftCheck:
    """The check that one event asks for; `now` is when it is made."""

    sessions: sessionmaker[Session]
    store: Store
    event: Event
    now: datetime

    def run(self, champion: Champion, payload: WindowClosed | DatasetIngested) -> Result | None:
        """Compare new data with the champion's reference; None: it is passed over."""
        if isinstance(payload, WindowClosed):
            return self._of_window(champion, payload)
        return self._of_part(champion, payload)

    def record(self, session: Session, result: Result) -> list[Event]:
        """Write what became of a check; return the events that announce it."""
        checked, report = result.checked, result.report
        row = session.get_one(DriftCheckRow, (report.model, report.version, result.number))
        if result.counted and checked.status is not Status.INSUFFICIENT:
            row.status = checked.status.value
        row.rows = checked.rows
        return events_of(self.event, report, checked, result.distributions, self.now)

    def _of_window(self, champion: Champion, closed: WindowClosed) -> Result | None:
        """Check a window of the champion's predictions; another version's is passed over."""
        version, drift, entity = champion
        if version.version != closed.version:
            return None

        def read(names: Sequence[str]) -> pa.Table:
            with refusing_unreadable(closed.data):
                files = _FILES.validate_json(self.store.get(closed.data.uri, sha256=closed.data.sha256))
                return sample_log(self.store, files, names, closed.data.sha256)

        return self._check(version, drift, "inferences", read, entity)

    def _of_part(self, champion: Champion, ingested: DatasetIngested) -> Result | None:
        """Check a new part, unless the champion was trained on it, or it is labelled predictions."""
        version, drift, entity = champion
        if ingested.key.startswith(f"{ingested.model}/{LABELLED}"):
            return None
        if self.card(version).is_trained_on(ingested.part.sha256):
            return None
        return self._check(version, drift, "dataset", lambda names: self.sample(ingested.part, names), entity)

    def _check(self, version: ModelVersion, drift: Drift, of: Of, read: Read, entity: str | None) -> Result:
        card = self.card(version)
        tested, untested = testable(dict(card.features), drift.features)
        if of == "dataset":  # its files have none of what is looked up; views are checked by themselves
            gone = card.looked_up & tested.keys()
            tested = {name: kind for name, kind in tested.items() if name not in gone}
            untested += tuple(Untested(name, "it is looked up, not in the data") for name in sorted(gone))
        forms = {name: card.form(name) for name in tested}
        names = list(tested)
        sample = self.sample(version.reference, [*names, SCORE])
        tested = with_few_values(tested, sample)
        reference = reference_table(sample, tested, scored=of == "inferences")
        logged = of == "inferences"
        whole = read([*names, *([] if logged or entity is None else [entity])])
        data = without_repeats(
            whole,
            [f"{INPUT}{name}" if logged else name for name in names],
            entity="entity" if logged else entity,
            unlike=rows_are_unlike(sample, names),
        )

        def read_as_model(part: pa.Table) -> Table:
            return (
                window_table(part, tested, forms) if logged else reference_table(part, tested, scored=False)
            )

        current, every = apart(data, read_as_model)
        thinning = Thinning(whole.num_rows - data.num_rows, every)
        scored = scored_rows(sample, tested)
        weights = {name: round(importance(scored, name, SCORE), 4) for name in reference}
        return self.judge(
            version, drift, Compared(of, reference, current, whole.num_rows, thinning, weights, untested)
        )

    def judge(self, version: ModelVersion, drift: Drift, compared: Compared) -> Result:
        """Make the tests, decide within what is left of the budget, and write the report."""
        reference, current, policy = compared.reference, compared.current, policy_of(drift)
        detection, unable = _try_tests(reference, current, drift.detector, policy, compared.rows)
        number, window, counted = self._number(version, compared.of, tests=detection is not None)
        inputs, checked = conclude(
            reference,
            current,
            detection if counted else None,
            policy=policy,
            window=window,
            importance=compared.weights,
            rows=compared.rows,
            thinning=compared.thinning,
        )
        checked = replace(checked, untested=checked.untested + unable + compared.untested)
        folder = f"s3://reports/{version.model}/v{version.version}"
        of = compared.view or compared.of
        document = {"of": of, "detector": drift.detector, "importance": compared.weights, **to_json(checked)}
        content = json.dumps(document, ensure_ascii=False).encode()
        title = f"{version.model}/v{version.version}, {of}"
        page = to_html(checked, reference, current, title=title).encode()
        report = Report(
            model=version.model,
            version=version.version,
            of=compared.of,
            view=compared.view,
            detector=drift.detector,
            file=self.store.put(f"{folder}/drift-{number}.json", content),
            page_uri=self.store.put(f"{folder}/drift-{number}.html", page).uri,
            decided_from=DecisionInputs.of(
                drift, inputs, lambda raw: put_by_digest(self.store, f"{folder}/decisions", raw)
            ),
        )
        distributions = {
            name: distribution_of(Pair(reference[name], current[name]))
            for name in drawn_features(checked)
            if name in reference and name in current
        }
        return Result(number, counted, checked, report, distributions)

    def _number(self, version: ModelVersion, of: Of, *, tests: bool) -> tuple[int, int, bool]:
        """Return the check's number, its number among those that test, and whether it is one of those.

        A redelivered event gets the same three again: later checks were numbered by whether this one tested.
        """
        with transaction(self.sessions) as session:
            row = number_check(
                session,
                version.model,
                version.version,
                source=self.event.source,
                event_id=self.event.id,
                of=of,
                at=self.now,
                status=None if tests else INSUFFICIENT,
            )
            return row.number, tested_before(session, row) + 1, row.status != INSUFFICIENT

    def card(self, version: ModelVersion) -> Card:
        """Return a version's card. Raises: Rejected: it cannot be read."""
        return parse_card(self._get(version.card))

    def _get(self, claim: Claim) -> bytes:
        with refusing_unreadable(claim):
            return self.store.get(claim.uri, sha256=claim.sha256)

    def sample(self, claim: Claim, names: Sequence[str]) -> pa.Table:
        """Return a sample of a Parquet file. Raises: Rejected: it cannot be read."""
        with refusing_unreadable(claim):
            return sample_part(self.store, claim, names)


def apart(data: pa.Table, read: Callable[[pa.Table], Table]) -> tuple[Table, int]:
    """Return data as a table, of its rows only every so-many-th where neighbours depend on each other."""
    current = read(data)
    every = rows_apart(current)
    return (current if every == 1 else read(every_nth(data, every))), every


@contextmanager
def refusing_unreadable(claim: Claim) -> Iterator[None]:
    """Refuse the event if the file is missing, was changed, or cannot be read."""
    try:
        yield
    except (ObjectMissing, DigestMismatch, ValueError, OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the machine; those that Arrow raises for a damaged file have no errno
        raise Rejected(f"{claim.uri} cannot be compared: {error}") from error


def _try_tests(
    reference: Table, current: Table, detector: str, policy: Policy, rows: int
) -> tuple[Detection | None, tuple[Untested, ...]]:
    """Make the tests; where the detector cannot run, return every column as untested, with the reason."""
    try:
        return run_tests(reference, current, detector=detector, policy=policy, rows=rows), ()
    except UnknownDetector as error:
        raise Rejected(f"drift.detector in model.yaml: {error}") from error
    except MissingExtra as error:
        _log.error("drift is not detected: %s", error)
        return None, tuple(Untested(name, str(error)) for name in reference)
