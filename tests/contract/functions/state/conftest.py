"""Databases without tables, opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from functions.state.database import make_engine


@pytest.fixture
def empty_engine(empty_database: str) -> Iterator[Engine]:
    opened = make_engine(empty_database)
    yield opened
    opened.dispose()
