"""log_inferences in a world of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from support.world import World

from functions.log_inferences.app import create_app
from functions.log_inferences.settings import Settings


@pytest.fixture
def world(database: str) -> Iterator[World]:
    world = World(database)
    yield world
    world.engine.dispose()


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(Settings(world.url), store=world.store, engine=world.engine, clock=world.clock)
