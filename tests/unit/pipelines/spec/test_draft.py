"""A drafted model.yaml is valid as it is, and with every line enabled."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.spec import Kind, parse_spec
from pipelines.spec.draft import UnknownTarget, draft_spec, guess_kind
from pipelines.spec.sample import SampleError, read_sample
from pipelines.target import infer_task

CSV = """\
customer_id,amount,visits,code,active,seen_at,note,churned
1,1.5,3,00123,true,2026-01-01,called us about the bill,0
2,,4,00124,false,2026-01-02T10:00:00,did not call us yet,1
3,2.5,5,00125,true,2026-01-03 10:00:00Z,wants to leave us soon,0
"""


def enabled(draft: str) -> str:
    """Remove the # before every setting."""
    return re.sub(r'^#( *["\w]+: ?)', r"\1", draft, flags=re.MULTILINE)


def test_a_draft_is_a_valid_spec_that_names_what_the_file_suggests(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(CSV)
    draft = draft_spec(read_sample(path), target="churned", model="churn")
    spec = parse_spec(draft.encode(), model="churn")

    assert (spec.target, spec.entity, spec.timestamp, spec.schema_) == ("churned", "customer_id", None, {})
    assert "#timestamp: seen_at" in draft
    assert "#task: classification" in draft


def test_a_draft_with_every_line_enabled_is_valid_and_has_every_key(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(CSV)
    spec = parse_spec(enabled(draft_spec(read_sample(path), target="churned")).encode(), model="churn")

    assert {name: rule.kind for name, rule in spec.schema_.items()} == {
        "customer_id": Kind.INTEGER,
        "amount": Kind.NUMBER,
        "visits": Kind.INTEGER,
        "code": Kind.CATEGORY,
        "active": Kind.BOOLEAN,
        "seen_at": Kind.DATETIME,
        "note": Kind.TEXT,
        "churned": Kind.INTEGER,
    }
    assert spec.schema_["amount"].nullable
    assert not spec.schema_["visits"].nullable
    assert spec.retrain.model_fields_set == set(type(spec.retrain).model_fields)
    assert spec.train.model_fields_set == set(type(spec.train).model_fields)


def test_the_defaults_in_a_draft_are_the_defaults(tmp_path: Path) -> None:
    draft = draft_spec({"y": ["0", "1"]}, target="y")
    spec = parse_spec(enabled(draft).encode(), model="churn")
    plain = parse_spec(b"target: y", model="churn")

    assert (spec.rollout, spec.drift, spec.retrain, spec.labels) == (
        plain.rollout,
        plain.drift,
        plain.retrain,
        plain.labels,
    )


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.lists(st.text(max_size=6) | st.none(), max_size=4), min_size=1
    )
)
def test_any_column_names_and_values_give_a_valid_draft(sample: dict[str, list[str | None]]) -> None:
    target = next(iter(sample))
    draft = draft_spec(sample, target=target)

    assert parse_spec(draft.encode("utf-8", "surrogatepass"), model="churn").target == target


@pytest.mark.parametrize(
    ("texts", "column"),
    [
        ([str(i % 15) for i in range(60)], [i % 15 for i in range(60)]),
        ([str(i % 10) for i in range(60)], [i % 10 for i in range(60)]),
        ([f"{i % 5}.0" for i in range(60)], [float(i % 5) for i in range(60)]),
        (["0.0", "1", "1.0", "NA"] * 15, [0.0, 1.0, 1.0, None] * 15),
        (["0.5", "1.5"] * 30, [0.5, 1.5] * 30),
        (["1e400", "2.5"] * 30, [float("inf"), 2.5] * 30),
        ([None, "7", "-3", "+7"] * 15, [None, 7, -3, 7] * 15),
        (["true", "false"] * 30, [True, False] * 30),
        ([f"shop {i}" for i in range(60)], [f"shop {i}" for i in range(60)]),
    ],
)
def test_the_draft_names_the_task_that_training_takes(texts: list[str | None], column: list[object]) -> None:
    draft = draft_spec({"x": ["1", "2"] * 30, "y": texts}, target="y")

    assert f"#task: {infer_task(pa.chunked_array([pa.array(column)]))} " in draft


def test_a_target_that_is_no_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownTarget, match="did you mean 'churned'"):
        draft_spec({"churned": ["1"], "amount": ["2"]}, target="churn")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", None], Kind.INTEGER),
        (["1", "2.5", "NA"], Kind.NUMBER),
        (["007", "012"], Kind.CATEGORY),
        (["true", "False"], Kind.BOOLEAN),
        (["yes", "no"], Kind.CATEGORY),
        (["2026-01-01", "2026-02-01T00:00:00Z"], Kind.DATETIME),
        (["NL", "BE"], Kind.CATEGORY),
        (["the quick brown fox", "jumps over the lazy dog"], Kind.TEXT),
        ([None, ""], Kind.CATEGORY),
    ],
)
def test_a_columns_kind_is_guessed_from_its_values(values: list[str | None], kind: Kind) -> None:
    assert guess_kind(values) is kind


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.csv", b"x;y\n1;a\n2;b\n"),
        ("a.csv", b"\xef\xbb\xbfx,y\n1,a\n2,b\n"),
        ("a.csv", "x\ty\n1\ta\n2\tb\n".encode("utf-16")),
        ("a.csv.gz", gzip.compress(b"x,y\n1,a\n2,b\n", mtime=0)),
        ("a.jsonl", b'{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n'),
    ],
)
def test_samples_are_read_by_content(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)

    assert read_sample(tmp_path / name) == {"x": ["1", "2"], "y": ["a", "b"]}


def test_parquet_is_sampled_too(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"x": [1, None], "y": [True, False], "z": [0.5, float("nan")]}), tmp_path / "a.parquet"
    )

    assert read_sample(tmp_path / "a.parquet") == {
        "x": ["1", None],
        "y": ["true", "false"],
        "z": ["0.5", None],
    }


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"a,a\n1,2\n", "must name each column once"),
        (b'{"a": 1}\n{broken\n', "no JSON Lines"),
        (b"PAR1 but no", "no Parquet file"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
    ],
)
def test_what_is_no_table_says_so(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    with pytest.raises(SampleError, match=message):
        read_sample(tmp_path / "a.csv")
