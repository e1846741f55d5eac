"""The broker that gets the faults: a process of its own, or the one at the URL `$KASCADE_FAULTS_BROKER`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.subscribers import Subscribers
from faults.targets import Process, Remote, Target

URL = os.environ.get("KASCADE_FAULTS_BROKER", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, for a broker that is elsewhere, the tests that have to have its process or its log.

    A file of which all tests do says why in `OWN_PROCESS`; of the others these are the mutants.
    """
    if not URL:
        return
    for item in items:
        if "faults" in item.path.parts and "target" not in getattr(item, "fixturenames", ()):
            why = getattr(
                getattr(item, "module", None), "OWN_PROCESS", "a mutant is our broker with a defect"
            )
            item.add_marker(pytest.mark.skip(reason=f"not of the broker at {URL}: {why}"))


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often a fault is repeated: `make faults` says more than `make test`."""
    return int(os.environ.get("KASCADE_FAULTS_ROUNDS", "3"))


@pytest.fixture
def subscribers() -> Iterator[Subscribers]:
    """Where events arrive."""
    with Subscribers(os.environ.get("KASCADE_FAULTS_HOST", "127.0.0.1")) as started:
        yield started


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Make brokers that can be killed, each in a folder of its own."""
    made: list[Process] = []

    def make(*options: str, folder: Path | None = None, within: tuple[str, ...] = ()) -> Process:
        place = folder or tmp_path / f"broker-{len(made)}"
        place.mkdir(exist_ok=True)
        made.append(Process(place, *options, within=within))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def target(process: Callable[..., Process]) -> Iterator[Target]:
    """A broker that has to be reachable, no more."""
    if not URL:
        yield process()
        return
    remote = Remote(URL)
    yield remote
    remote.close()
