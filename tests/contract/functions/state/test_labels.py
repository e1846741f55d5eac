"""Labels on both databases: many are written in few statements, and each once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, event, func, select

from functions.state.database import session_factory, transaction
from functions.state.labels import WaitingLabel, add_waiting

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def label(number: int) -> dict[str, Any]:
    return {
        "label_id": str(number),
        "value": number % 2,
        "prediction_id": f"p{number}",
        "entity": None,
        "time": None,
    }


def test_many_labels_are_kept_once_each_and_in_few_statements(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with transaction(session_factory(engine)) as session:
        add_waiting(session, "churn", [label(number) for number in range(2500)], received_at=NOW)
        add_waiting(session, "churn", [label(number) for number in range(2600)], received_at=NOW)
        add_waiting(session, "churn", [], received_at=NOW)
    inserts = [statement for statement in statements if statement.startswith("INSERT")]

    with transaction(session_factory(engine), read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(WaitingLabel)) == 2600
        assert session.scalars(select(WaitingLabel.value).filter_by(label_id="7")).one() == 1
    assert len(inserts) == 6
