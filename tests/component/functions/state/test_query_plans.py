"""What is asked at every event is found by an index, however long the history is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session
from support.tables import create_tables
from support.world import MODEL, NOON, World

from functions.join_feedback import coverage
from functions.release_labels import release
from functions.state.inferences import batches_between, close_window
from functions.state.labels import lock_feedback
from functions.state.specs import spec_of
from functions.watch_performance.labels import next_labels
from functions.watch_performance.logic import Progress

TABLES = ("inference_batches", "joined_labels")
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(world.engine)
    world.spec()
    yield world
    world.engine.dispose()


def plans(world: World, ask: Callable[[Session], object]) -> list[str]:
    """Return how SQLite would search the log and the labels for what is asked."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if any(table in statement for table in TABLES):
            asked.append((statement, parameters))

    with world.session() as session:
        event.listen(world.engine, "before_cursor_execute", note)
        ask(session)
        event.remove(world.engine, "before_cursor_execute", note)
        connection = session.connection()
        return [
            step[3]
            for statement, parameters in asked
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            if step[3].startswith(("SCAN", "SEARCH"))
        ]


def due_after_an_alarm(session: Session) -> None:
    row, spec = lock_feedback(session, MODEL), spec_of(session, MODEL)
    assert spec is not None
    row.alarmed_at = NOON
    release.due(session, row, spec)


FREE = "ix_inference_batches_window (model=? AND version=? AND shadow=? AND window=? AND rows>?)"
WINDOWS = "ix_inference_batches_window (model=? AND version=? AND shadow=?)"
NEWEST = "ix_inference_batches_model_last (model=?)"
LATEST = "ix_inference_batches_model_last (model=? AND last>?)"
MATURED = "ix_joined_labels_model_at (model=? AND at>? AND at<?)"
KEPT = "ix_joined_labels_release (model=? AND release=?)"


@pytest.mark.parametrize(
    ("ask", "indexes"),
    [
        (lambda session: close_window(session, MODEL, 1, 0), [FREE, WINDOWS]),
        (lambda session: batches_between(session, MODEL, NOON, LATER), [LATEST]),
        (lambda session: batches_between(session, MODEL, NOON, LATER, version=1, shadow=False), [LATEST]),
        (lambda session: coverage.has_matured(session, MODEL, NOON, LATER), [LATEST]),
        (lambda session: coverage.newest_prediction(session, MODEL), [NEWEST]),
        (lambda session: next_labels(session, MODEL, Progress(1, at=NOON), LATER), [MATURED]),
        (due_after_an_alarm, [KEPT]),
    ],
    ids=[
        "close_window",
        "all versions",
        "one version",
        "has_matured",
        "newest_prediction",
        "next_labels",
        "due",
    ],
)
def test_an_index_leads_to_what_is_asked(
    world: World, ask: Callable[[Session], object], indexes: list[str]
) -> None:
    assert [plan.partition("INDEX ")[2] for plan in plans(world, ask)] == indexes
