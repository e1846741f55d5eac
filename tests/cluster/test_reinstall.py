"""How long `kubectl delete -k` and `kubectl apply -k` take, until nothing is left and until all is ready."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from cluster.reach import ROOT, Cluster, eventually

READY_S = float(os.environ.get("KASCADE_READY_S", "60"))
"""How long until all is Ready: told on a machine that is quiet and has two cores."""

INSTALL = "set -euo pipefail; for part in lib build kascade; do . tests/cluster/$part.sh; done; kascade"


def install(cluster: Cluster) -> None:
    """Install as docs/cluster.md says: namespace, ConfigMap, Secrets, manifests."""
    environment = {**os.environ, "KASCADE_CLUSTER_WORK": str(cluster.work)}
    done = subprocess.run(
        ["bash", "-c", INSTALL], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def seconds(cluster: Cluster) -> dict[str, float]:
    """Return how long deleting and installing took."""
    began = time.monotonic()
    cluster.kubectl("delete", "-k", str(ROOT / "knative" / "base"), "--ignore-not-found", "--wait=true")
    deleted = time.monotonic()
    install(cluster)
    limit = max(300.0, 3 * READY_S)
    eventually(lambda: not cluster.unready(), limit, what=f"readiness of {cluster.unready()}")
    ready = time.monotonic()
    print(f"\ndeleted in {deleted - began:.0f} s, ready {ready - deleted:.0f} s after it was applied")
    return {"delete": deleted - began, "ready": ready - deleted}


def test_deleting_takes_less_than_a_minute(seconds: dict[str, float]) -> None:
    assert seconds["delete"] < 60


def test_all_is_ready_a_minute_after_the_apply(seconds: dict[str, float]) -> None:
    assert seconds["ready"] < READY_S
