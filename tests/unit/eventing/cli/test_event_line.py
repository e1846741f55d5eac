"""An event as one line for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from eventing.catalogue import DATASET_REJECTED, PAYLOADS, TRAINING_APPROVED
from eventing.cli.event_line import event_line

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_line_says_when_what_about_what_and_why() -> None:
    line = event_line(
        {
            "type": TRAINING_APPROVED,
            "subject": "churn",
            "time": "2026-01-02T03:04:05.678Z",
            "data": {"version": 3, "reason": "dataset"},
        }
    )
    plain = Text.from_markup(line).plain
    assert "05.678" in plain
    assert "training.approved" in plain
    assert "churn" in plain
    assert "v3, because of dataset" in plain


def test_a_refusal_shows_its_first_problem_and_how_many_more() -> None:
    problems = [{"where": "line 2", "problem": "is ragged"}, {"where": "line 3", "problem": "too"}]
    line = event_line({"type": DATASET_REJECTED, "data": {"reason": "bad rows", "problems": problems}})
    assert "bad rows: line 2: is ragged (+1 more)" in line


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_a_payload_of_an_unexpected_shape_never_breaks_the_list(type_: str) -> None:
    @given(json_values)
    def show(data: object) -> None:
        line = event_line({"type": type_, "subject": "[/red] [bold", "time": None, "data": data})
        assert "[/red] [bold" in Text.from_markup(line).plain

    show()
