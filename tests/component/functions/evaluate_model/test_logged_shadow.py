"""A candidate that is let through has answered what the log holds for it: what it has not been trained on."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from support.runs import APPROVED_AT, run_of
from support.world import logged

from eventing import catalogue as kinds
from functions.inferences.log import read_log, table_of, to_parquet
from functions.state.database import transaction
from functions.state.datasets import DatasetPart
from functions.state.inferences import InferenceBatch, add_batch
from functions.state.labels import JoinedLabel, lock_feedback
from functions.state.runs import TrainingRun
from functions.state.specs import RegisteredSpec
from pipelines import layout

if TYPE_CHECKING:
    from conftest import Gate

SEEN = APPROVED_AT - timedelta(hours=1)
"""When the newest file of the dataset was ingested that is not of labelled predictions."""
BLIND = {"x1": 2.0, "lu": 0.0}
GOOD = {"x1": 2.0, "lu": -4.0}


def serve(gate: Gate, spec: str = "", weights: dict[str, float] = BLIND, **how: Any) -> Gate:
    """Let v1 be champion by a model.yaml; the first file of the dataset has 900 rows."""
    for bucket in ("inferences", "reports"):
        gate.store.ensure_bucket(bucket)
    gate.register_spec(f"gate: {{margin: 9.0}}\n{spec}")
    gate.ask(gate.candidate(1, weights, **how))
    gate.promote(1)
    part(gate, 0, "churn/first.csv", SEEN)
    return gate


@pytest.fixture
def served(gate: Gate) -> Gate:
    return serve(gate)


def part(gate: Gate, position: int, key: str, at: datetime, rows: int = 900) -> None:
    row = DatasetPart(model="churn", position=position, sha256=f"{position:064x}", uri="s3://d/x", rows=rows)
    row.size, row.key, row.event_id, row.added_at = 1, key, f"part-{position}", at
    row.profile_sha256 = row.schema_sha256 = row.spec_sha256 = "0" * 64
    with transaction(gate.sessions) as session:
        session.add(row)


def log(gate: Gate, first: datetime, rows: int, *, version: int = 1, **inputs: list[Any]) -> list[str]:
    """Log requests, a second apart; return their ids."""
    times = [first + timedelta(seconds=row) for row in range(rows)]
    given = inputs or {"x1": [1.0] * rows, "lu": [1.0] * rows}
    batch = logged(times, version=version, labels=["no"] * rows, inputs=given, seed=f"{first}/{version}")
    uri = f"s3://inferences/churn/{first.timestamp()}-{version}.parquet"
    claim = gate.store.put(uri, to_parquet(table_of(batch)))
    row = InferenceBatch(source="s", event_id=uri, model="churn", version=version, shadow=False, window=None)
    row.uri, row.sha256, row.rows, row.failures = claim.uri, claim.sha256, rows, 0
    row.first, row.last, row.recorded_at = times[0], times[-1], times[-1]
    with transaction(gate.sessions) as session:
        add_batch(session, row)
    return batch.ids


def label(gate: Gate, identity: str, at: datetime, release: str | None) -> None:
    row = JoinedLabel(model="churn", prediction_id=identity, at=at, version=1, value="yes", release=release)
    row.label_id, row.received_at = f"l-{identity}", at
    with transaction(gate.sessions) as session:
        session.add(row)


def shadow_of(gate: Gate, **candidate: Any) -> kinds.LoggedShadow | None:
    approved = gate.ask(gate.candidate(2, GOOD, **candidate))
    assert approved.type == kinds.ModelApproved.type
    return kinds.ModelApproved.model_validate(approved.data).logged_shadow


def answers(gate: Gate, shadow: kinds.LoggedShadow | None) -> dict[str, str | None]:
    assert shadow is not None
    table = read_log(gate.store, [shadow.answers])
    assert set(table.column("shadow").to_pylist()) == {True}
    assert set(table.column("version").to_pylist()) == {2}
    return dict(
        zip(table.column("prediction_id").to_pylist(), table.column("predicted").to_pylist(), strict=True)
    )


def test_it_answers_what_came_after_the_newest_file_that_it_was_trained_on(served: Gate) -> None:
    log(served, SEEN - timedelta(minutes=10), 60)
    ids = log(served, SEEN - timedelta(seconds=9), 60)
    log(served, SEEN + timedelta(minutes=5), 30, version=7)
    shadow = shadow_of(served)
    found = answers(served, shadow)
    assert list(found) == ids[10:], "after that file, and the champion's alone"
    assert set(found.values()) == {"no"}, "GOOD says so where lu outweighs x1"
    assert shadow is not None
    assert (shadow.champion_version, shadow.since, shadow.rows) == (1, SEEN, 50)
    assert shadow.through == SEEN + timedelta(seconds=50)


def test_labelled_predictions_that_came_back_as_rows_are_not_evidence(served: Gate) -> None:
    first = SEEN + timedelta(minutes=1)
    ids = log(served, first, 60)
    for row in range(0, 40, 2):  # labels in any order: those between went into no file
        label(served, ids[row], first + timedelta(seconds=row), "r1")
    part(served, 1, "churn/labelled/r1.parquet", SEEN + timedelta(minutes=2), rows=100)
    assert list(answers(served, shadow_of(served))) == ids[39:], "from the newest of them on"


def test_rows_that_only_judged_it_are_evidence_of_the_model_as_it_was_before(served: Gate) -> None:
    first = SEEN + timedelta(minutes=1)
    ids = log(served, first, 60)
    for row in range(40):
        label(served, ids[row], first + timedelta(seconds=row), "r1")
    part(served, 1, "churn/labelled/r1.parquet", SEEN + timedelta(minutes=2), rows=40)
    table = pq.read_table(io.BytesIO(served.store.get("s3://models/churn/v1/holdout.parquet")))
    table = table.append_column(layout.PLACE, pa.array(range(900, 900 + table.num_rows)))
    divided = {"by": "arrival", "cutoff": "925", "learnt_through": "939"}
    shadow = shadow_of(served, table=table, split=divided, judged={"x1": 4.0, "lu": 0.0})
    assert shadow is not None
    assert shadow.since == first + timedelta(seconds=24), "25 rows of the file were learnt from before"
    found = answers(served, shadow)
    assert list(found) == ids[25:]
    assert [found[each] for each in ids[25:40]] == ["yes"] * 15, "as judged, where x1 alone decides"
    assert [found[each] for each in ids[40:]] == ["no"] * 20, "as it serves"


def test_a_file_that_came_after_the_run_was_approved_costs_nothing(served: Gate) -> None:
    first = SEEN + timedelta(minutes=1)
    ids = log(served, first, 20)
    label(served, ids[-1], first + timedelta(seconds=19), "r2")
    part(served, 1, "churn/second.csv", APPROVED_AT - timedelta(minutes=1), rows=100)
    part(served, 2, "churn/labelled/r2.parquet", APPROVED_AT, rows=100)
    part(served, 3, "churn/third.csv", APPROVED_AT, rows=100)
    with transaction(served.sessions) as session:
        session.add(_run(2, rows=900))
    assert list(answers(served, shadow_of(served))) == ids


def test_the_labels_that_raised_the_alarm_are_not_evidence(gate: Gate) -> None:
    served = serve(gate, "labels: {window: 10s}")
    first = SEEN + timedelta(minutes=1)
    ids = log(served, first, 60)
    with transaction(served.sessions) as session:
        session.add(_run(2, harmed=1))
        row = lock_feedback(session, "churn")
        row.harm_version, row.alarmed_at = 1, first + timedelta(seconds=40)
    assert list(answers(served, shadow_of(served))) == ids[31:]


OWN = {
    "a pipeline of one's own": "pipeline: s3://raw/churn/pipeline.yaml",
    "code of one's own": "code: train.py",
}


@pytest.mark.parametrize("case", ["another model.yaml since", "a registered model", *OWN])
def test_where_nobody_knows_what_it_read_only_what_came_after_its_approval_counts(
    gate: Gate, case: str
) -> None:
    served = serve(gate)
    log(served, APPROVED_AT - timedelta(minutes=5), 60)
    ids = log(served, APPROVED_AT + timedelta(seconds=1), 20)
    if case in OWN:
        with transaction(served.sessions) as session:
            spec = session.scalars(select(RegisteredSpec)).one()
            spec.text = spec.text.replace("train: {", f"train: {{{OWN[case]}, ")
    elif case == "a registered model":
        with transaction(served.sessions) as session:
            run = _run(2)
            run.reason = "registered"
            session.add(run)
    else:
        with transaction(served.sessions) as session:
            session.add(_run(2, config="1" * 64))
    assert list(answers(served, shadow_of(served))) == ids


def test_what_it_cannot_answer_stands_there_without_an_answer(served: Gate) -> None:
    at = SEEN + timedelta(minutes=1)
    ids = log(served, at, 3, x1=["1.0", "many", None], lu=["1.0", "1.0", "1.0"])
    found = answers(served, shadow_of(served))
    assert (found[ids[0]], found[ids[1]]) == ("no", None)


def test_whole_numbers_in_the_log_are_answered_as_they_were_asked(served: Gate) -> None:
    ids = log(served, SEEN + timedelta(minutes=1), 2, x1=[1, 3], lu=[1, 1])
    found = answers(served, shadow_of(served))
    assert [found[each] for each in ids] == ["no", "yes"]


@pytest.mark.parametrize("case", ["nothing logged", "no phases", "the log was overwritten"])
def test_a_rollout_may_begin_without_evidence(gate: Gate, case: str) -> None:
    served = serve(gate, "rollout: {phases: []}" if case == "no phases" else "")
    if case != "nothing logged":
        log(served, SEEN + timedelta(minutes=1), 20)
    if case == "the log was overwritten":
        for each in list(served.store.list("s3://inferences/churn/")):
            served.store.put(each.uri, b"something else")
    assert shadow_of(served) is None


def test_the_first_version_has_no_champion_to_be_compared_with(gate: Gate) -> None:
    gate.register_spec()
    assert gate.ask(gate.candidate(1, GOOD)).data.get("logged_shadow") is None


def test_a_redelivered_completion_says_the_same_though_the_log_has_grown(served: Gate) -> None:
    log(served, SEEN + timedelta(minutes=1), 20)
    candidate = served.candidate(2, GOOD)
    first = served.ask(candidate)
    log(served, SEEN + timedelta(minutes=3), 20)
    assert served.ask(candidate).data == first.data


def test_regression_is_answered_with_numbers(gate: Gate) -> None:
    regression: dict[str, Any] = {
        "task": "regression",
        "target": "amount",
        "classes": None,
        "metric": "rmse",
    }
    serve(gate, weights={"x1": 10.0}, **regression)
    log(gate, APPROVED_AT + timedelta(minutes=1), 2, x1=[1.0, 2.0])
    approved = gate.ask(gate.candidate(2, {"x1": 11.0}, **regression))
    shadow = kinds.ModelApproved.model_validate(approved.data).logged_shadow
    assert shadow is not None
    table = read_log(gate.store, [shadow.answers])
    assert table.column("predicted_number").to_pylist() == pytest.approx([11.0, 22.0])
    assert table.column("predicted").null_count == 2


def _run(version: int, *, rows: int = 1000, harmed: int | None = None, config: str = "0" * 64) -> TrainingRun:
    run = run_of("churn", version)
    run.rows, run.harmed_version, run.config_digest = rows, harmed, config
    return run
