"""Checks new rows of a feature view: against those of it that each champion using it was trained with."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from eventing.catalogue import FeaturesMaterialized
from functions.detect_drift.drift_check import Compared, DriftCheck, Result, apart, refusing_unreadable
from functions.detect_drift.importance import importance
from functions.detect_drift.independent import Thinning
from functions.detect_drift.logic import Status
from functions.detect_drift.tables import reference_table, scored_rows, testable, with_few_values
from functions.detect_drift.view_rows import Samples, samples_of
from functions.state.features import FeatureViewRow
from functions.state.runs import TrainingRun
from functions.state.specs import models_with_spec, spec_of
from functions.state.versions import ModelVersion, champion, get_version
from pipelines.features.view import View
from pipelines.layout import SCORE
from pipelines.spec import SpecError
from pipelines.spec.policies import Drift


@dataclass(frozen=True)
class User:
    """A champion that may use a view; `knew`: until when rows were learned that it was trained with."""

    version: ModelVersion
    drift: Drift
    knew: datetime


@dataclass(frozen=True)
class Task:
    """A view that has new rows, the kinds of its columns, and the champions that may use it."""

    view: View
    kinds: Mapping[str, str]
    users: Sequence[User]


def read_task(session: Session, payload: FeaturesMaterialized) -> Task | None:
    """Return what is to be compared; None where there is nothing new, or nobody uses it."""
    row = session.get(FeatureViewRow, payload.name)
    if payload.data is None or row is None or row.kinds is None:
        return None
    users = [user for model in models_with_spec(session) if (user := _user(session, model, payload))]
    return Task(View.from_json(row.definition), row.kinds, users) if users else None


def _user(session: Session, model: str, payload: FeaturesMaterialized) -> User | None:
    try:
        spec = spec_of(session, model)
    except SpecError:
        return None
    features, number = spec.features if spec else None, champion(session, model)
    version = None if number is None else get_version(session, model, number)
    if spec is None or features is None or version is None:
        return None
    if model != payload.model and f"{payload.model}/{payload.view}" not in features.use:
        return None
    run = session.get(TrainingRun, (model, version.version))
    return User(version, spec.drift, run.approved_at if run else version.registered_at)


@dataclass(frozen=True)
class ViewCheck:
    """The check that one materialisation asks for."""

    check: DriftCheck

    def run(self, task: Task, payload: FeaturesMaterialized) -> list[Result]:
        """Compare the new rows for each champion that uses the view; each spends of its own budget."""
        users = [user for user in task.users if self._uses(user, task.view)]
        if not users or payload.data is None:
            return []
        with refusing_unreadable(payload.data):
            new = pq.read_table(
                io.BytesIO(self.check.store.get(payload.data.uri, sha256=payload.data.sha256))
            )
        stored = self._stored(task.view, new)
        found = []
        for user in users:
            samples = samples_of(task.view, stored, new, learned_by=user.knew, seed=payload.data.sha256)
            if samples is not None:
                found.append(self._judge(user, task, samples))
        return found

    def record(self, session: Session, payload: FeaturesMaterialized, results: Sequence[Result]) -> None:
        """Note beside the view what each check of it found."""
        row = session.get(FeatureViewRow, payload.name, with_for_update=True)
        if row is not None and results:
            row.drift = {**(row.drift or {}), **{each.report.model: self._noted(each) for each in results}}

    def _noted(self, result: Result) -> dict[str, Any]:
        checked = result.checked
        effects: dict[str, float] = {}
        for each in checked.tests:
            effects[each.test.feature] = max(effects.get(each.test.feature, 0.0), round(each.test.effect, 4))
        return {
            "version": result.report.version,
            "at": self.check.now.isoformat(),
            "status": checked.status.value,
            "rows": checked.rows,
            "effects": effects,
            "drifted": list(checked.drifted) if checked.status is Status.DRIFTED else [],
        }

    def _uses(self, user: User, view: View) -> bool:
        return any(each.digest == view.digest for each in self.check.card(user.version).views)

    def _stored(self, view: View, new: pa.Table) -> pa.Table:
        """Return the view's rows in the object store."""
        store, tables = self.check.store, [new.slice(0, 0)]
        for each in store.list(f"{view.folder}/rows/"):
            if each.uri.endswith(".parquet"):
                tables.append(pq.read_table(io.BytesIO(store.get(each.uri)), columns=new.column_names))
        return pa.concat_tables(tables)

    def _judge(self, user: User, task: Task, samples: Samples) -> Result:
        card = self.check.card(user.version)
        kinds = {name: task.kinds[name] for name in task.view.features}
        wanted = user.drift.features
        names = list(kinds) if isinstance(wanted, str) else [name for name in wanted if name in kinds]
        tested, untested = testable(kinds, names)
        sample = self.check.sample(user.version.reference, [*card.looked_up, SCORE])
        scored = scored_rows(
            sample, {name: kind for name, kind in tested.items() if name in dict(card.features)}
        )
        weights = {name: round(importance(scored, name, SCORE), 4) for name in scored if name != SCORE}
        tested = with_few_values(tested, samples.reference)
        reference = reference_table(samples.reference, tested, scored=False)
        current, every = apart(samples.current, lambda rows: reference_table(rows, tested, scored=False))
        return self.check.judge(
            user.version,
            user.drift,
            Compared(
                "features",
                reference,
                current,
                samples.rows,
                Thinning(samples.rows - samples.current.num_rows, every),
                weights,
                untested,
                view=f"{task.view.model}/{task.view.name}",
            ),
        )
