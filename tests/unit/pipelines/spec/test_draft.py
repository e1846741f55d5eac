"""A drafted model.yaml is valid as it is, and with every line enabled."""

from __future__ import annotations

import re
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.spec import Kind, parse_spec
from pipelines.spec.draft import DraftColumn, UnknownTarget, draft_spec
from pipelines.target import infer_task
from pipelines.values.form import Form


def enabled(draft: str) -> str:
    """Remove the # before every setting."""
    return re.sub(r'^#( *["\w]+: ?)', r"\1", draft, flags=re.MULTILINE)


COLUMNS = [
    DraftColumn("customer_id", Kind.INTEGER, values=[1, 2, 3]),
    DraftColumn("amount", Kind.NUMBER, Form(decimal=","), [1.5, None, 2.5]),
    DraftColumn(
        "seen_at", Kind.DATETIME, Form(format="%d/%m/%Y"), [datetime(2026, 1, day) for day in (1, 2, 3)]
    ),
    DraftColumn("note", Kind.TEXT, values=["a", "b", "c"]),
    DraftColumn("churned", Kind.INTEGER, values=[0, 1, 0]),
]


def test_a_draft_is_a_valid_spec_that_names_what_the_file_suggests() -> None:
    draft = draft_spec(COLUMNS, target="churned", model="churn")
    spec = parse_spec(draft.encode(), model="churn")

    assert (spec.target, spec.entity, spec.timestamp, spec.schema_) == ("churned", "customer_id", None, {})
    assert "#timestamp: seen_at" in draft
    assert "#task: classification" in draft


def test_a_draft_with_every_line_enabled_is_valid_and_has_every_key() -> None:
    spec = parse_spec(enabled(draft_spec(COLUMNS, target="churned")).encode(), model="churn")

    assert {name: rule.kind for name, rule in spec.schema_.items()} == {
        column.name: column.kind for column in COLUMNS
    }
    amount, seen_at = spec.schema_["amount"], spec.schema_["seen_at"]
    assert (amount.nullable, amount.decimal, seen_at.format) == (True, ",", "%d/%m/%Y")
    assert not seen_at.nullable
    assert spec.retrain.model_fields_set == set(type(spec.retrain).model_fields)
    assert spec.train.model_fields_set == set(type(spec.train).model_fields)


def test_the_defaults_in_a_draft_are_the_defaults() -> None:
    draft = draft_spec([DraftColumn("y", Kind.INTEGER, values=[0, 1])], target="y")
    spec = parse_spec(enabled(draft).encode(), model="churn")
    plain = parse_spec(b"target: y", model="churn")

    rollout = spec.rollout.model_copy(update={"entity_period": None})  # it has no default: an example
    assert (rollout, spec.drift, spec.retrain, spec.labels) == (
        plain.rollout,
        plain.drift,
        plain.retrain,
        plain.labels,
    )


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.lists(st.text(max_size=6) | st.none(), max_size=4), min_size=1
    )
)
def test_any_column_names_and_values_give_a_valid_draft(sample: dict[str, list[str | None]]) -> None:
    columns = [DraftColumn(name, Kind.CATEGORY, values=values) for name, values in sample.items()]
    target = columns[0].name
    draft = draft_spec(columns, target=target)

    assert parse_spec(draft.encode("utf-8", "surrogatepass"), model="churn").target == target


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (Kind.INTEGER, [i % 15 for i in range(60)]),
        (Kind.INTEGER, [i % 10 for i in range(60)]),
        (Kind.NUMBER, [float(i % 5) for i in range(60)]),
        (Kind.NUMBER, [0.0, 1.0, 1.0, None] * 15),
        (Kind.NUMBER, [0.5, 1.5] * 30),
        (Kind.NUMBER, [float("inf"), 2.5] * 30),
        (Kind.BOOLEAN, [True, False] * 30),
        (Kind.CATEGORY, [f"shop {i}" for i in range(60)]),
    ],
)
def test_the_draft_names_the_task_that_training_takes(kind: Kind, column: list[object]) -> None:
    draft = draft_spec([DraftColumn("y", kind, values=column)], target="y")

    assert f"#task: {infer_task(pa.chunked_array([pa.array(column)]))} " in draft


def test_a_target_that_is_no_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownTarget, match="did you mean 'churned'"):
        draft_spec(COLUMNS, target="churn")
