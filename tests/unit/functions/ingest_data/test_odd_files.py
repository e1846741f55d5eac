"""Odd files read by Kascade and, beside it, by pandas, Arrow and DuckDB; docs/data.md has the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.odd_files import ODD_FILES, REFUSED, SAME, OddFile, table
from support.other_readers import READERS, outcome

Examine = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[4]
ONE = pytest.mark.parametrize("odd", ODD_FILES, ids=lambda odd: odd.what)


@pytest.fixture
def ours(examine_bytes: Examine) -> Callable[[OddFile], Any]:
    """Read a file as ingest_data does."""
    spec = "{target: y, ingest: {tolerated_bad_rows: 0.1}}"
    return lambda odd: examine_bytes(odd.raw, spec, name=odd.name)


@pytest.mark.case("F", "odd files side by side")
@ONE
def test_an_odd_file_is_read_or_refused_as_documented(ours: Callable[[OddFile], Any], odd: OddFile) -> None:
    found = ours(odd)
    refusal = found.processed.refusal

    assert (len(found.good) if refusal is None else refusal.reason) == odd.taken
    if refusal is not None:
        assert all(problem.fix for problem in refusal.problems)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", list(READERS))
@ONE
def test_other_readers_take_it_as_documented(
    ours: Callable[[OddFile], Any], tmp_path: Path, odd: OddFile, reader: str
) -> None:
    found = ours(odd)
    path = tmp_path / "files" / odd.name
    path.parent.mkdir(parents=True)
    path.write_bytes(odd.raw)

    good = None if found.processed.refusal else found.good
    assert outcome(READERS[reader], path, good) == odd.others[list(READERS).index(reader)]


def test_each_difference_is_explained_and_documented() -> None:
    for odd in ODD_FILES:
        ours = REFUSED if isinstance(odd.taken, str) else SAME
        assert odd.why or set(odd.others) <= {ours, REFUSED}, odd.what
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert table() in text, "run: python tests/support/odd_files.py, and put its table into docs/data.md"
