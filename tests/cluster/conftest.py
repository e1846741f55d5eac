"""The cluster that the tests of this folder run against; without one they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.reach import Cluster, where
from cluster.recorded import Ledger

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a cluster, and give what there is the time that a cluster takes."""
    for item in items:
        if FOLDER not in item.path.parents or "cluster" not in getattr(item, "fixturenames", ()):
            continue
        item.add_marker(pytest.mark.timeout(1800), append=False)
        if where() is None:
            item.add_marker(pytest.mark.skip(reason="needs a cluster: make test-cluster"))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    place = where()
    assert place is not None
    return Cluster.read(place)


@pytest.fixture
def ledger(cluster: Cluster) -> Iterator[Ledger]:
    return Ledger(cluster.database)
