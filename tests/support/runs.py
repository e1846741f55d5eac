"""Runs that a governor has approved, for tests of what comes after their completion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.state.runs import TrainingRun

APPROVED_AT = datetime(2026, 3, 1, 11, tzinfo=UTC)
DIGEST = "0" * 64


def run_of(model: str, version: int, run_id: str | None = None) -> TrainingRun:
    """Return the row of a run under way."""
    return TrainingRun(
        model=model,
        version=version,
        run_id=run_id or f"{model}-v{version}",
        reason="manual",
        automatic=False,
        cause_id=f"asked-{model}-{version}",
        correlation_id=f"asked-{model}-{version}",
        dataset_digest=DIGEST,
        config_digest=DIGEST,
        code_digest=DIGEST,
        rows=1000,
        approved_at=APPROVED_AT,
        lease_until=APPROVED_AT + timedelta(hours=4),
    )
