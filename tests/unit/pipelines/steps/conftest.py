"""A store in memory, and a way to lay down a dataset and run the first steps on it."""

from __future__ import annotations

import pytest

from eventing.store import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()
