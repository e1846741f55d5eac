"""join_feedback beside a champion whose labels mature after 100 seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.feedback import Feedback
from support.world import World


@pytest.fixture
def feedback(tmp_path: Path) -> Iterator[Feedback]:
    world = World(tmp_path)
    world.spec(labels={"window": "100s", "train": False})
    world.version(1, promoted=True)
    yield Feedback(world)
    world.engine.dispose()
