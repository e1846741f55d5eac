"""Holdout rows that the champion was trained on say nothing about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from eventing import catalogue as kinds

if TYPE_CHECKING:
    from conftest import Gate

MODEL = {"x1": 2.0, "lu": -4.0}


def compared(gate: Gate, cutoff: str, table: pa.Table) -> tuple[str, kinds.GateVerdict]:
    """Ask about v2 beside a champion whose own holdout begins at the cutoff."""
    gate.register_spec("timestamp: seen_at")
    split = {"by": "time", "cutoff": f"{cutoff}T12:00:00.000000Z"}
    gate.ask(gate.candidate(1, MODEL, table=table, split=split))
    gate.promote(1)
    answer = gate.ask(gate.candidate(2, MODEL, table=table))
    return answer.type, kinds.GateVerdict.model_validate(answer.data["verdict"])


def test_rows_the_champion_was_trained_on_are_left_out(gate: Gate, rows: pa.Table) -> None:
    _, verdict = compared(gate, "2026-04-05", rows)
    assert (verdict.rows, verdict.champion_version) == (1200 - 35 * 24, 1)


@pytest.mark.parametrize(
    ("cutoff", "count", "reason"),
    [
        ("2027-01-01", 1200, "it was trained on all but 0 of the 1200 holdout rows"),
        ("2020-01-01", 20, "the holdout has 20 rows"),
    ],
)
def test_too_few_rows_that_it_has_not_seen_are_for_a_person(
    gate: Gate, rows: pa.Table, cutoff: str, count: int, reason: str
) -> None:
    type_, verdict = compared(gate, cutoff, rows.slice(0, count))
    assert type_ == kinds.ModelApprovalRequested.type
    assert f"{reason}, a comparison needs 30" in verdict.message
