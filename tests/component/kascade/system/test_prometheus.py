"""A real Prometheus scrapes a running system as `kascade env --prometheus` says."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.prometheus import Prometheus, program, queries

from kascade.client import connect
from kascade.system.home import NAMESPACE, Home

BASE = Path(__file__).parents[4] / "knative" / "base"

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


def manifests(folder: Path) -> Path:
    """Write what the base has of the broker, the state and the ledger, in the namespace that it gets."""
    names = ("broker/broker.yaml", "state/upgrade-job.yaml", "record_events/service.yaml")
    objects = []
    for name in (*names, "record_events/triggers.yaml"):
        for each in yaml.safe_load_all((BASE / name).read_text()):
            objects.append({**each, "metadata": {**each["metadata"], "namespace": NAMESPACE}})
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(objects))
    return folder / "manifests.yaml"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A system as `kascade up` has it, with no other function than the ledger."""
    program("prometheus")
    folder = tmp_path_factory.mktemp("system")
    command = [sys.executable, "-m", "kascade", "up", "--home", str(folder / "state"), "--json"]
    command += ["--manifests", str(manifests(folder))]
    for port in ("--gateway-port", "--api-port", "--store-port"):
        command += [port, "0"]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), (folder / "up.log").read_text()
        yield Home(folder / "state")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def prometheus(system: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with the file that the command prints, but for how often it looks."""
    command = [sys.executable, "-m", "kascade", "env", "--prometheus", "--home", str(system.path)]
    config = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    looking = config.replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
    with Prometheus(tmp_path_factory.mktemp("prometheus"), looking) as running:
        yield running


def test_both_targets_answer_and_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    prometheus.until(lambda: prometheus.value("sum(up)") == 2, "both targets are up")
    prometheus.until(
        lambda: (
            {rule["health"] for group in prometheus.get("rules")["groups"] for rule in group["rules"]}
            == {"ok"}
        ),
        "each rule was evaluated",
    )


def test_what_happens_is_seen(prometheus: Prometheus, system: Home) -> None:
    with connect(system.path) as client:
        client.send("training.requested", {"model": "churn"}, subject="churn")
    counted = 'max(kascade_ledger_events_total{model="churn", type="training.requested"})'
    prometheus.until(lambda: prometheus.value(counted) == 1, "the event is counted")
    asked = 'sum(kascade_gateway_requests_total{service="record-events", code="200"})'
    prometheus.until(lambda: (prometheus.value(asked) or 0) > 2, "requests are counted")
    assert (prometheus.value("max(kascade_broker_events_accepted_total)") or 0) >= 1


def test_every_query_of_the_dashboard_and_the_rules_is_understood(prometheus: Prometheus) -> None:
    for query in queries():
        written = query.replace("$__rate_interval", "1m").replace("$model", ".*")
        prometheus.get("query", query=written)
