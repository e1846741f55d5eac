"""What an object's key says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.data_files.object_keys import (
    DataFile,
    Format,
    Ignored,
    Misplaced,
    SpecFile,
    classify_key,
)


@pytest.mark.parametrize(
    ("key", "format_"),
    [
        ("churn/a.csv", Format.CSV),
        ("churn/a.CSV", Format.CSV),
        ("churn/a.csv.gz", Format.CSV),
        ("churn/a.tsv", Format.CSV),
        ("churn/2026/01/a.parquet", Format.PARQUET),
        ("churn/a.jsonl.gz", Format.JSON_LINES),
        ("churn/a.ndjson", Format.JSON_LINES),
        ("churn/a.json", Format.JSON_LINES),
        ("churn/a.csv.zst", Format.CSV),
        ("churn/a.json.bz2", Format.JSON_LINES),
        ("churn/a.tsv.xz", Format.CSV),
        ("churn/a.xlsx", Format.EXCEL),
        ("churn/a.ZIP", Format.ZIP),
        ("churn/part-00000-c000.snappy.parquet", Format.PARQUET),
        ("churn/données ✓.csv", Format.CSV),
        ("churn/a b+c&d=e%20f.csv", Format.CSV),
        ("churn/2026.01.31.csv", Format.CSV),
    ],
)
def test_data_files_are_known_by_their_ending(key: str, format_: Format) -> None:
    assert classify_key(key) == DataFile("churn", format_)


def test_a_model_yaml_in_the_models_folder_is_its_spec() -> None:
    assert classify_key("churn-nl/model.yaml") == SpecFile("churn-nl")


@pytest.mark.parametrize(
    "key",
    [
        "churn/",
        "churn/2026/",
        "",
        "churn/.hidden.csv",
        "churn/.git/x.csv",
        "churn/_SUCCESS",
        "churn/_tmp/a.csv",
        "churn/a.csv.tmp",
        "churn/a.csv.part",
        "churn/a.csv~",
        "churn/.a.csv.swp",
        "churn/pipeline.yaml",
        "churn/~$book.xlsx",
        "churn/Thumbs.db",
    ],
)
def test_markers_hidden_and_unfinished_files_are_passed_over(key: str) -> None:
    assert isinstance(classify_key(key), Ignored)


@pytest.mark.parametrize(
    ("key", "model", "problem", "fix"),
    [
        ("a.csv", "", "lies in no folder", "a folder named after the model"),
        ("churn/../other/a.csv", "churn", "`..` step", "plain name"),
        ("../churn/a.csv", "..", "`..` step", "plain name"),
        ("churn/./a.csv", "churn", "`..` step", "plain name"),
        ("churn//a.csv", "churn", "empty", "plain name"),
        ("/churn/a.csv", "", "empty", "plain name"),
        ("churn\\x/a.csv", "churn\\x", "backslash", "plain name"),
        ("churn/a\n.csv", "churn", "control character", "plain name"),
        ("Churn/a.csv", "Churn", "no model name", "churn-nl"),
        ("chürn/a.csv", "chürn", "no model name", "churn-nl"),
        ("churn/a.ods", "churn", ".ods is no kind of file", "expected model.yaml, .csv"),
        ("churn/data", "churn", "a name without ending", "expected model.yaml, .csv"),
        ("churn/model.yml", "churn", "a model.yml in this place", "churn/model.yaml"),
        ("churn/sub/model.yaml", "churn", "a model.yaml in this place", "churn/model.yaml"),
    ],
)
def test_a_misplaced_file_is_told_why_and_what_to_do(key: str, model: str, problem: str, fix: str) -> None:
    kind = classify_key(key)

    assert isinstance(kind, Misplaced)
    assert kind.model == model
    assert problem in kind.problem.problem
    assert fix in kind.problem.fix


_STEPS = st.sampled_from(["churn", "..", ".", "", "a.csv", "model.yaml"])
_KEYS = st.text(max_size=30) | st.lists(_STEPS).map("/".join)


@settings(deadline=None, max_examples=200)
@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["churn", "..", ".", "", "a.csv", "model.yaml"])).map("/".join)
)
def test_no_key_can_lead_out_of_its_folder(key: str) -> None:
    kind = classify_key(key)

    if isinstance(kind, DataFile | SpecFile):
        assert key.startswith(f"{kind.model}/")
        assert not {"", ".", ".."} & set(key.split("/"))
        assert kind.model.isascii()
