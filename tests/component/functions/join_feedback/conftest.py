"""join_feedback beside a champion whose labels mature after 100 seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.feedback import Feedback
from support.world import World


@pytest.fixture
def feedback(database: str) -> Iterator[Feedback]:
    world = World(database)
    world.spec(labels={"window": "100s", "train": False})
    world.version(1, promoted=True)
    yield Feedback(world)
    world.engine.dispose()
