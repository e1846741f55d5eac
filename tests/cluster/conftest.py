"""The cluster that the tests of this folder run against; without one they are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.busy import asking
from cluster.reach import NAMESPACE, Cluster, eventually, where
from cluster.recorded import Ledger
from cluster.retraining import MODEL, Retraining, first_version

from functions.roll_out_model.knative_service import MODEL_LABEL
from kascade.demo.digits import Digits
from kascade.demo.traffic import Traffic

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


@pytest.fixture(scope="module", autouse=True)
def room(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove the models that a file's tests made: each keeps a pod, and a node has room for a few.

    With several workers the next file's models may be there already; without containers there is room.
    """
    yield
    if where() is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        made = f"{MODEL_LABEL},{MODEL_LABEL}!={MODEL}"
        kinds = "services.serving.knative.dev,triggers.eventing.knative.dev"
        request.getfixturevalue("cluster").tried("-n", NAMESPACE, "delete", kinds, "-l", made)


@pytest.fixture
def ledger(cluster: Cluster) -> Ledger:
    return Ledger(cluster.database)


@pytest.fixture(scope="session")
def served(cluster: Cluster) -> Digits:
    """Have a model that serves; return what it is asked about."""
    digits = Digits()
    first_version(cluster, digits)
    return digits


@pytest.fixture(scope="module")
def traffic(cluster: Cluster, served: Digits) -> Iterator[Traffic]:
    """Return clients that ask that model all the time."""
    with asking(cluster, MODEL, served) as clients:
        eventually(lambda: clients.tally.by_version, 60, what="answer")
        yield clients


@pytest.fixture
def retraining(cluster: Cluster, ledger: Ledger) -> Retraining:
    return Retraining(cluster, ledger)
