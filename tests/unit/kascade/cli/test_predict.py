"""`kascade predict`: rows as JSON or as a file, answers as a table or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Desk


@pytest.fixture(autouse=True)
def model(desk: Desk) -> None:
    desk.models["churn"] = 3
    desk.inputs = [
        {"name": "amount", "datatype": "FP64"},
        {"name": "zip", "datatype": "BYTES"},
        {"name": "old", "datatype": "BOOL"},
    ]


def test_a_row_is_answered_with_the_id_for_its_label(desk: Desk) -> None:
    done = desk.type("predict", "churn", '{"amount": 12.5}')
    assert (done.exit_code, desk.asked) == (0, [{"amount": 12.5}]), done.output
    for word in ("yes", "0.9", "id-0", "v3"):
        assert word in done.stdout


def test_rows_come_out_as_json_a_line_each(desk: Desk) -> None:
    done = desk.type("predict", "churn", '[{"amount": 1}, {"amount": 2}]', "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["prediction_id"] for line in lines] == ["id-0", "id-1"]
    assert lines[0]["model_version"] == 3


def test_cells_of_a_csv_become_what_the_model_takes(desk: Desk, tmp_path: Path) -> None:
    (file := tmp_path / "rows.csv").write_text(
        "amount,zip,old,entity\n12.5,007,true,9\n,8,false,\nmany,9,1,x\n"
    )
    assert desk.type("predict", "churn", "--file", str(file)).exit_code == 0
    assert desk.asked == [
        {"amount": 12.5, "zip": "007", "old": True, "entity": "9"},
        {"amount": None, "zip": "8", "old": False, "entity": None},
        {"amount": "many", "zip": "9", "old": 1, "entity": "x"},
    ]


def test_json_lines_are_taken_as_they_are(desk: Desk, tmp_path: Path) -> None:
    (file := tmp_path / "rows.jsonl").write_text('{"zip": "007"}\n\n{"zip": 7}\n')
    assert desk.type("predict", "churn", "--file", str(file)).exit_code == 0
    assert desk.asked == [{"zip": "007"}, {"zip": 7}]


@pytest.mark.parametrize("words", [(), ("{}", "--file", "x.csv"), ("[1]",), ("7",)])
def test_what_is_no_row_is_not_asked(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.type("predict", "churn", *words).exit_code == 2
    assert desk.asked == []


def test_a_file_that_cannot_be_read_is_named(desk: Desk, tmp_path: Path) -> None:
    done = desk.type("predict", "churn", "--file", str(tmp_path / "none.csv"))
    assert (done.exit_code, "none.csv cannot be read: No such file" in str(done.exception)) == (1, True)
