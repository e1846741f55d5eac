"""A rollout's row: those of the releases before are read, and what is written stays readable to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from eventing.catalogue import RolloutOutcome
from functions.roll_out_model.records import read_rollout, write_rollout
from functions.roll_out_model.rollout_state import Phase, RolloutState, Verdict
from functions.state.rollouts import RolloutRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROLLOUT = RolloutState(
    2,
    1,
    Phase.CANARY,
    NOON,
    announced=True,
    started=True,
    paused=True,
    verdict=Verdict(RolloutOutcome.PROMOTED, "not worse"),
    phases=("shadow", "canary"),
    percent=10,
)


def row(**columns: object) -> RolloutRow:
    return RolloutRow(model="churn", seq=3, started_at=NOON, **columns)


def test_a_row_of_before_is_read() -> None:
    found = row(
        version=2,
        champion_version=1,
        phase="canary",
        deadline=NOON,
        announced=True,
        paused=True,
        held='{"outcome": "promoted", "message": "not worse", "final": false}',
        phases="shadow,canary",
        percent=10,
    )
    assert read_rollout(found) == ROLLOUT


def test_what_is_written_is_read_again_and_has_the_form_of_before() -> None:
    written = row()
    write_rollout(written, ROLLOUT)
    assert read_rollout(written) == ROLLOUT
    assert written.phases == "shadow,canary"
    assert json.loads(written.held or "") == {"outcome": "promoted", "message": "not worse", "final": False}


def test_a_rollout_without_phases_or_verdict_is_read_again() -> None:
    written = RolloutRow(model="churn", seq=0)
    plain = RolloutState(1, None, Phase.REPLACE, NOON)
    write_rollout(written, plain)
    assert read_rollout(written) == plain
