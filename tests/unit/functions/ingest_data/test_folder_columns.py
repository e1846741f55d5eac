"""Folders named key=value in an object's key become columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.data_files.object_keys import DataFile, Format, classify_key

Examine = Callable[..., Any]

CSV = b"a,y\n1,0\n2,1\n"


@pytest.mark.case("F", "folders as Hive writes them")
@pytest.mark.parametrize(
    ("key", "folders"),
    [
        ("churn/country=NL/month=1/a.csv", (("country", "NL"), ("month", "1"))),
        ("churn/2026/country=NL/a.csv", (("country", "NL"),)),
        ("churn/city=Den%20Haag%2FNL/a.csv", (("city", "Den Haag/NL"),)),
        ("churn/country=__HIVE_DEFAULT_PARTITION__/a.csv", (("country", None),)),
        ("churn/country=/a.csv", (("country", None),)),
        ("churn/at=2026-01-01 10:00/x=a=b/a.csv", (("at", "2026-01-01 10:00"), ("x", "a=b"))),
        ("churn/=x/a.csv", ()),
        ("churn/c=d.csv", ()),
    ],
)
def test_a_key_tells_columns_by_its_folders(key: str, folders: tuple[tuple[str, str | None], ...]) -> None:
    assert classify_key(key) == DataFile("churn", Format.CSV, folders)


def test_a_folders_column_stands_in_every_row_and_is_said(examine_bytes: Examine) -> None:
    found = examine_bytes(CSV, name="country=NL/month=1/a.csv")

    assert found.good == [
        {"a": 1, "y": 0, "country": "NL", "month": 1},
        {"a": 2, "y": 1, "country": "NL", "month": 1},
    ]
    assert [(column, message) for column, _, message in found.warnings] == [
        ("country", "every row has the value 'NL', which the file's folder tells"),
        ("month", "every row has the value '1', which the file's folder tells"),
    ]


def test_later_files_bring_other_values_of_the_same_column(examine_bytes: Examine) -> None:
    kept = examine_bytes(CSV, name="country=NL/a.csv").part.schema
    found = examine_bytes(b'{"a": 5, "y": 1}\n', name="country=BE/a.jsonl", kept=kept)
    missing = examine_bytes(CSV, kept=kept)

    assert found.good == [{"a": 5, "y": 1, "country": "BE"}]
    assert found.warnings == []
    assert missing.refusal.reason == "missing column: country"


def test_the_file_knows_better_than_its_folder(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a,country,y\n1,BE,0\n2,DE,1\n", name="country=NL/a.csv")

    assert [row["country"] for row in found.good] == ["BE", "DE"]


def test_a_dataset_without_the_column_goes_on_without_it(examine_bytes: Examine) -> None:
    kept = examine_bytes(CSV).part.schema

    assert examine_bytes(CSV, name="country=NL/b.csv", kept=kept).good == examine_bytes(CSV).good


def test_the_spec_can_leave_folders_alone(examine_bytes: Examine) -> None:
    spec = "{target: y, ingest: {folder_columns: false}}"

    assert list(examine_bytes(CSV, spec, name="country=NL/a.csv").kinds) == ["a", "y"]


def test_the_target_itself_may_be_told_by_the_folder(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a\n1\n2\n", name="y=spam/a.csv")

    assert found.good == [{"a": 1, "y": "spam"}, {"a": 2, "y": "spam"}]
