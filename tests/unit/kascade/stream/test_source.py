"""A table is read as the rows a client would send."""

from __future__ import annotations

from pathlib import Path

import pytest

from kascade.stream.source import distance, read_source, same
from kascade.system.home import HomeError


def written(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_column_of_numbers_is_sent_as_numbers_and_any_other_as_text(tmp_path: Path) -> None:
    file = written(tmp_path, 'a,b,stadt,y\n1,0.5,Köln,yes\n,2,"x,y",no\n')

    source = read_source(file, "y")

    assert source.rows == [
        {"a": 1, "b": 0.5, "stadt": "Köln"},
        {"a": None, "b": 2, "stadt": "x,y"},
    ]
    assert source.texts == ["yes", "no"]


def test_a_part_of_it_is_the_file_that_was_written(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, 'a,y\n1,0\n"2,5",1\n3,1\n'), "y")

    assert source.file(1, 3).decode().splitlines() == ["a,y", '"2,5",1', "3,1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,y\n", "needs a header and rows"),
        ("a,b\n1,2\n", "no column 'y'; there are a, b"),
        ("a,y\n1,2\n1,2,3\n", "row 3 has 3 cells, the header has 2"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(HomeError, match=said):
        read_source(written(tmp_path, text), "y")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes("stadt,y\nKöln,1\n".encode("latin-1"))

    with pytest.raises(HomeError, match="cannot be read as CSV"):
        read_source(file, "y")


@pytest.mark.parametrize(
    ("predicted", "text", "right"),
    [
        (1, "1", True),
        (1, "1.0", True),
        (0, "1", False),
        ("yes", "yes", True),
        (True, "True", True),
        (1, "x", False),
    ],
)
def test_a_prediction_is_compared_with_the_cell_whatever_its_type(
    predicted: object, text: str, right: bool
) -> None:
    assert same(predicted, text) is right


def test_the_error_of_a_number_is_its_distance() -> None:
    assert distance(2.5, "4") == 1.5
    assert distance("a", "4") == float("inf")
