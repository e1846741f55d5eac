"""The extracted table has the features of views as of each row's moment; what would leak is refused."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.training import put_dataset

from eventing.store import MemoryStore
from pipelines.errors import StepError, TransientError
from pipelines.features.aggregation import view_rows
from pipelines.features.of_spec import own_views
from pipelines.spec import parse_spec
from pipelines.steps import files
from pipelines.steps.check import check
from pipelines.steps.extract import extract

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = {"customer": "integer", "at": "datetime", "amount": "number", "plan": "category", "bad": "category"}
SPEC = """\
model: fraud
target: bad
entity: customer
timestamp: at
"""
VIEWS = """\
features:
  missing: {missing}
  views:
    - name: activity
      ttl: 30d
      fields: [plan]
      aggregations:
        - {{of: amount, function: sum, window: 7d, as: spent}}
        - {{function: count, window: 7d, as: visits}}
  expressions: {{ratio: "amount / spent"}}
"""
OWN = SPEC + VIEWS.format(missing="null")


def table(*rows: tuple[int, float, float | None, str, str]) -> pa.Table:
    customers, days, amounts, plans, bad = zip(*rows, strict=True)
    return pa.table(
        {
            "customer": pa.array(customers, pa.int64()),
            "at": pa.array([START + day * DAY for day in days], pa.timestamp("us", tz="UTC")),
            "amount": pa.array(amounts, pa.float64()),
            "plan": list(plans),
            "bad": list(bad),
        }
    )


ROWS = table(
    (1, 0, 5, "a", "n"), (1, 1, 10, "b", "y"), (2, 1, 7, "c", "n"), (1, 3, 30, "d", "n"), (1, 40, 1, "e", "n")
)


def joined(store: MemoryStore, folder: Path, spec: str, *parts: pa.Table) -> tuple[dict[str, Any], pa.Table]:
    facts = extract(store, put_dataset(store, parts or [ROWS], KINDS, spec), folder)
    return facts, files.read_table(folder)


def test_each_row_has_what_was_known_before_its_moment(store: MemoryStore, tmp_path: Path) -> None:
    facts, found = joined(store, tmp_path, OWN)

    assert found["spent"].to_pylist() == [None, 5.0, None, 15.0, None]  # the last one's is stale
    assert found["visits"].to_pylist() == [None, 1, None, 2, None]
    assert found["plan"].to_pylist() == [None, "a", None, "b", None]  # not the plan in the row itself
    assert found["ratio"].to_pylist() == [None, 2.0, None, 2.0, None]
    assert found["amount"].to_pylist() == [5, 10, 7, 30, 1]
    assert [column["name"] for column in facts["schema"]["columns"]] == found.column_names
    assert facts["warnings"] == ["3 of 5 rows have no fresh row of the view fraud/activity"]
    (view,) = facts["views"]
    assert (view["view"], view["features"], view["rows"]) == (
        "fraud/activity",
        ["plan", "spent", "visits"],
        5,
    )
    assert files.read_json(tmp_path / files.EXTRACTED) == facts


def test_defaults_stand_where_there_is_no_value(store: MemoryStore, tmp_path: Path) -> None:
    spec = SPEC + VIEWS.format(missing="default\n  defaults: {spent: 1, visits: 0}")

    facts, found = joined(store, tmp_path, spec)

    assert found["spent"].to_pylist() == [1, 5, 1, 15, 1]
    assert found["visits"].to_pylist() == [0, 1, 0, 2, 0]
    assert found["plan"].to_pylist() == [None, "a", None, "b", None]
    assert found["ratio"].to_pylist() == [5, 2, 7, 2, 1]
    assert [each["default"] for each in facts["lookup"]["features"]] == [None, 1, 0]


def test_what_came_before_the_window_is_still_known(store: MemoryStore, tmp_path: Path) -> None:
    spec = OWN + "train: {window: {parts: 1}}\n"

    _, found = joined(store, tmp_path, spec, ROWS.slice(0, 3), ROWS.slice(3))

    assert found["spent"].to_pylist() == [15.0, None]


def test_labelled_predictions_are_no_source_of_views(store: MemoryStore, tmp_path: Path) -> None:
    request = put_dataset(store, [ROWS.slice(0, 2), ROWS.slice(2)], KINDS, OWN)
    manifest = store.get(request.dataset.uri).replace(b'"fraud/0.csv"', b'"fraud/labelled/0.parquet"')
    claim = store.put("s3://datasets/fraud/manifests/other.json", manifest)

    extract(store, request.__class__(**{**request.__dict__, "dataset": claim}), tmp_path)

    assert files.read_table(tmp_path)["spent"].to_pylist() == [None, None, None, None, None]


def test_what_was_pushed_is_known_from_its_moment_on(store: MemoryStore, tmp_path: Path) -> None:
    store.ensure_bucket("features")
    (view,) = own_views(parse_spec(OWN.encode()))
    columns = {
        "customer": pa.array([1], pa.int64()),
        "event_timestamp": pa.array([START + 2 * DAY], pa.timestamp("us", tz="UTC")),
        "created_timestamp": pa.array([START + 2 * DAY], pa.timestamp("us", tz="UTC")),
        "plan": ["p"],
        "spent": pa.array([99.0]),
        "visits": pa.array([9], pa.int64()),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    store.put(f"{view.folder}/rows/pushed-1.parquet", buffer.getvalue())

    _, found = joined(store, tmp_path, OWN)

    assert found["spent"].to_pylist() == [None, 5.0, None, 99.0, None]


def test_the_plan_says_what_a_server_looks_up(store: MemoryStore, tmp_path: Path) -> None:
    facts, _ = joined(store, tmp_path, OWN)
    (view,) = own_views(parse_spec(OWN.encode()))

    assert facts["lookup"] == {
        "keys": [{"name": "customer", "kind": "integer"}],
        "features": [
            {"name": name, "reference": f"{view.feast_name}:{name}", "ttl_s": 30 * 86400.0, "default": None}
            for name in ("plan", "spent", "visits")
        ],
        "expressions": {"ratio": "amount / spent"},
        "missing": "null",
        "deadline_s": 0.1,
    }


OTHER = """\
model: payments
target: x
features:
  entity: customer
  timestamp: paid_at
  views: [{name: account, fields: [balance]}]
"""


def put_other(store: MemoryStore, values: list[tuple[int, float, float]], spec: str = OTHER) -> Any:
    """Lay down model.yaml of another model and a materialisation of its view."""
    store.ensure_bucket("features")
    store.ensure_bucket("models")
    store.put("s3://models/payments/specs/1/model.yaml", spec.encode())
    (view,) = own_views(parse_spec(spec.encode()))
    customers, days, balances = zip(*values, strict=True)
    rows = pa.table(
        {
            "customer": pa.array(customers, pa.int64()),
            "paid_at": pa.array([START + day * DAY for day in days], pa.timestamp("us", tz="UTC")),
            "balance": pa.array(balances, pa.float64()),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(view_rows(view, rows, created=START), buffer)
    definition = {"kinds": {"customer": "integer", "balance": "number"}}
    store.put(f"{view.folder}/view.json", json.dumps(definition).encode())
    return store.put(f"{view.folder}/rows/1.parquet", buffer.getvalue())


def test_a_view_of_another_model_is_read_as_it_was_materialised(store: MemoryStore, tmp_path: Path) -> None:
    claim = put_other(store, [(1, 1, 100.0), (1, 2, 200.0), (2, 9, 300.0)])

    facts, found = joined(store, tmp_path, SPEC + "features: {use: [payments/account]}\n")

    assert found["balance"].to_pylist() == [None, 100.0, None, 200.0, 200.0]  # that of the moment counts too
    assert facts["views"][0]["files"] == [claim.model_dump()]
    assert facts["views"][0]["view"] == "payments/account"


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ("{use: [payments/account]}", "no model.yaml of payments"),
        ("{use: [payments/acount]}", "payments does not define"),
        ("{expressions: {r: spent * 2}}", "there is no column 'spent'"),
        ("{expressions: {r: plan * 2}}", "'plan' is a category"),
        ("{expressions: {amount: amount * 2}}", "a column of the data or of a view is called so"),
        (
            "{timestamp: when, views: [{name: v, timestamp: at, fields: [plan]}]}",
            "the data has no time 'when'",
        ),
        ("{views: [{name: v, fields: [colour]}]}", "the view v needs 'colour', which is no column"),
        ("{views: [{name: v, fields: [plan]}, {name: w, fields: [plan]}]}", "in the views v and w"),
        (
            "{missing: default, defaults: {plan: 7}, views: [{name: v, fields: [plan]}]}",
            "defaults.plan: 7 is no",
        ),
    ],
)
def test_what_does_not_fit_names_the_field(
    store: MemoryStore, tmp_path: Path, features: str, says: str
) -> None:
    if "acount" in features:
        put_other(store, [(1, 1, 100.0)])
    with pytest.raises(StepError, match=says):
        joined(store, tmp_path, f"{SPEC}features: {features}\n")


def test_a_view_that_was_never_materialised_is_waited_for(store: MemoryStore, tmp_path: Path) -> None:
    store.ensure_bucket("models")
    store.put("s3://models/payments/specs/1/model.yaml", OTHER.encode())
    with pytest.raises(TransientError, match="payments/account has no rows yet"):
        joined(store, tmp_path, SPEC + "features: {use: [payments/account]}\n")


def test_a_view_of_others_that_is_made_from_this_models_target_is_refused(
    store: MemoryStore, tmp_path: Path
) -> None:
    spec = """\
model: payments
target: x
features:
  entity: customer
  timestamp: at
  views: [{name: account, dataset: fraud, aggregations: [{of: bad, function: last, window: 9d, as: hidden}]}]
"""
    store.ensure_bucket("models")
    store.put("s3://models/payments/specs/1/model.yaml", spec.encode())
    with pytest.raises(StepError, match="payments/account is made from the target 'bad'"):
        joined(store, tmp_path, SPEC + "features: {use: [payments/account]}\n")


def test_a_feature_that_is_the_target_under_another_name_is_refused(
    store: MemoryStore, tmp_path: Path
) -> None:
    rows = 200
    data = table(*((n, n, 1.0, "a", "ny"[n % 2]) for n in range(rows)))
    spec = """\
model: payments
target: x
features:
  entity: customer
  timestamp: at
  views: [{name: account, path: s3://lake/account.parquet, fields: [outcome]}]
"""
    for bucket in ("models", "features"):
        store.ensure_bucket(bucket)
    store.put("s3://models/payments/specs/1/model.yaml", spec.encode())
    (view,) = own_views(parse_spec(spec.encode()))
    leaked = pa.table({"customer": data["customer"], "at": data["at"], "outcome": data["bad"]})
    buffer = io.BytesIO()
    pq.write_table(view_rows(view, leaked, created=START), buffer)
    store.put(f"{view.folder}/rows/1.parquet", buffer.getvalue())
    definition = {"kinds": {"customer": "integer", "outcome": "category"}}
    store.put(f"{view.folder}/view.json", json.dumps(definition).encode())

    with pytest.raises(StepError, match="'outcome' equals the target 'bad' in every one of 200 rows"):
        joined(store, tmp_path, SPEC + "features: {use: [payments/account]}\n", data)


def test_the_columns_that_name_entity_and_moment_are_no_features(store: MemoryStore, tmp_path: Path) -> None:
    many = table(*((n % 5, n, float(n), "ab"[n % 2], "ny"[n % 3 == 0]) for n in range(60)))
    spec = "model: fraud\ntarget: bad\nfeatures:\n  entity: customer\n  timestamp: at\n" + "\n".join(
        VIEWS.format(missing="null").splitlines()[2:]
    )
    joined(store, tmp_path / "extracted", spec, many)

    checked = check(tmp_path / "extracted", tmp_path, "fraud")

    assert [name for name, _ in checked["features"]] == ["amount", "plan", "spent", "visits", "ratio"]
