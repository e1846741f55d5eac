"""Odd values read by Kascade and, beside it, by pandas, Arrow and DuckDB; docs/data.md has the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.odd_files import REFUSED, SAME
from support.odd_value_files import OddValues
from support.odd_values import ODD_VALUES, table
from support.other_readers import READERS, typed_outcome

Examine = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[4]
ONE = pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: odd.what)


@pytest.mark.case("C", "siblings")
@pytest.mark.case("D", "siblings")
@pytest.mark.case("F", "siblings")
@ONE
def test_odd_values_are_read_as_documented_and_a_guess_is_said(
    examine_bytes: Examine, odd: OddValues
) -> None:
    found = examine_bytes(odd.raw, name=odd.name)
    values = [row["a"] for row in found.good]
    said = [message for column, _, message in found.warnings if column == "a"]

    assert (found.kinds["a"], tuple(values[: len(odd.values)])) == (odd.kind, odd.values)
    assert [type(value) for value in values[: len(odd.values)] if odd.kind == "boolean"] == [
        type(value) for value in odd.values if odd.kind == "boolean"
    ]
    assert (odd.warned in " ".join(said)) if odd.warned else not said
    assert found.processed.bad_rows == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", list(READERS))
@ONE
def test_other_readers_take_them_as_documented(
    examine_bytes: Examine, tmp_path: Path, odd: OddValues, reader: str
) -> None:
    path = tmp_path / odd.name
    path.write_bytes(odd.raw)
    ours = [row["a"] for row in examine_bytes(odd.raw, name=odd.name).good]

    assert typed_outcome(READERS[reader], path, ours) == odd.others[list(READERS).index(reader)]


def test_each_difference_is_explained_and_documented() -> None:
    for odd in ODD_VALUES:
        assert odd.why or set(odd.others) <= {SAME, REFUSED}, odd.what
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert table() in text, "run: python tests/support/odd_values.py, and put its table into docs/data.md"
