"""Rows by entity against a real Feast, which is killed under load and started again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import feast, tiny_models
from support.entity_load import PATH, asking, settled

from eventing.store import S3Store
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.features.plan import Key, LookedUp, LookupPlan
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View

pytestmark = [
    pytest.mark.skipif(feast.program() is None, reason=feast.MISSING),
    pytest.mark.timeout(900),
]
NOW = datetime.now(UTC)
VIEW = View(
    "churn", "account", ("customer_id",), "at", "churn", ttl=timedelta(days=1), fields=("balance", "plan")
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[feast.Feast]:
    """Feast with a view: customer 7 has all, 8 a stale row, 9 no balance."""
    folder = tmp_path_factory.mktemp("feast")
    rows = pa.table(
        {
            "customer_id": pa.array([7, 8, 9], pa.int64()),
            EVENT_TIMESTAMP: pa.array(
                [NOW - timedelta(hours=1), NOW - timedelta(days=2), NOW - timedelta(hours=1)],
                pa.timestamp("us", tz="UTC"),
            ),
            CREATED_TIMESTAMP: pa.array([NOW] * 3, pa.timestamp("us", tz="UTC")),
            "balance": pa.array([3.25, 4.0, None], pa.float64()),
            "plan": ["gold", "basic", "ünïcode"],
        }
    )
    kinds = {"customer_id": "integer", "balance": "number", "plan": "category"}
    with EmbeddedStore(folder / "store", 0, "access", "secretsecret") as files:
        store = S3Store.from_env(files.env)
        store.ensure_bucket("features")
        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        store.put(f"{VIEW.folder}/rows/1.parquet", buffer.getvalue())
        stored = {"name": VIEW.feast_name, "view": VIEW.to_json(), "kinds": kinds}
        store.put(f"{VIEW.folder}/view.json", json.dumps(stored).encode())
        server = feast.Feast(folder / "feast", files.env)
        server.start()
        yield server
        server.kill()


DEADLINE_S = 20.0  # of a machine that is busy with other tests


def serve(
    start: Any,
    folder: Path,
    url: str,
    missing: Any,
    reference: str = "balance",
    deadline_s: float = DEADLINE_S,
) -> Any:
    plan = LookupPlan(
        (Key("customer_id", "integer"),),
        (LookedUp("balance", f"{VIEW.feast_name}:{reference}", 86400.0, 0),),
        missing=missing,
        deadline_s=deadline_s,
    )
    encoding = tiny_models.numbers("amount", "balance")
    data = tiny_models.classifier(encoding, entity="customer_id", plan=plan)
    return start(tiny_models.write(folder, data), FEATURE_SERVER_URL=url).wait_ready()


def ask(server: Any, *customers: Any) -> tuple[int, Any]:
    body = {"entities": [{"customer_id": each, "amount": 1.0} for each in customers]}
    status, _, raw = server.request("POST", PATH, json.dumps(body).encode())
    return status, json.loads(raw)


def test_values_are_feasts_and_what_is_missing_or_stale_is_told(
    running: feast.Feast, start: Any, tmp_path: Path
) -> None:
    server = serve(start, tmp_path, running.url, "default")

    status, said = ask(server, 7, 8, 9, 10, None, "7")

    assert status == 200
    lacking = ["balance"]
    assert said["missing_features"] == [[], lacking, lacking, lacking, lacking, []]
    plain = {"instances": [{"amount": 1.0, "balance": each} for each in (3.25, 0, 0, 0, 0, 3.25)]}
    sent = json.loads(server.request("POST", PATH, json.dumps(plain).encode())[2])
    assert said["probabilities"] == sent["probabilities"]


@pytest.mark.parametrize(
    ("customer", "says"), [(8, "'balance' is stale"), (9, "has no value"), (10, "has no value")]
)
def test_under_refuse_the_entity_is_named(
    running: feast.Feast, start: Any, tmp_path: Path, customer: int, says: str
) -> None:
    status, said = ask(serve(start, tmp_path, running.url, "refuse"), 7, customer)

    assert status == 422
    assert f"row 1, customer_id {customer}" in said["error"]
    assert says in said["error"]


def test_a_field_that_feast_does_not_know_is_no_silent_default(
    running: feast.Feast, start: Any, tmp_path: Path
) -> None:
    status, said = ask(serve(start, tmp_path, running.url, "refuse", "balanse"), 7)

    assert status == 503
    assert "features cannot be looked up" in said["error"]


POLICIES = {"default": (200, True), "null": (200, True), "refuse": (503, False)}
"""What is answered while Feast is away: the status, and whether the answer names the missing features."""


def test_feast_is_killed_under_load_and_comes_back(running: feast.Feast, start: Any, tmp_path: Path) -> None:
    """Clients of each policy ask all the while; every request is answered as its policy says."""
    for each in POLICIES:
        (tmp_path / each).mkdir()
    servers = {each: serve(start, tmp_path / each, running.url, each) for each in POLICIES}
    with ExitStack() as stack:
        loads = {each: stack.enter_context(asking(server)) for each, server in servers.items()}

        def all_settled(expected: Mapping[str, tuple[int, bool]]) -> None:
            for each, load in loads.items():
                settled(load, expected[each])

        all_settled(dict.fromkeys(POLICIES, (200, False)))
        running.kill()
        all_settled(POLICIES)
        running.start()
        all_settled(dict.fromkeys(POLICIES, (200, False)))

    for each, load in loads.items():
        assert load.failed == []
        assert {(status, told) for status, told, _ in load.answers} == {(200, False), POLICIES[each]}
        assert max(seconds for _, _, seconds in load.answers) < DEADLINE_S + 5
        ways = ("unreachable", "timeout", "refused", "garbled")
        away = sum(metric(servers[each], "kascade_feature_lookups_total", f'outcome="{way}"') for way in ways)
        assert away >= sum(answer[:2] == POLICIES[each] for answer in load.answers)


def test_a_feast_that_hangs_under_load_costs_a_deadline_and_no_more(
    running: feast.Feast, start: Any, tmp_path: Path
) -> None:
    deadline_s = 3.0
    server = serve(start, tmp_path, running.url, "default", deadline_s=deadline_s)
    with asking(server) as load:
        settled(load, (200, False))
        running.pause()
        try:
            settled(load, (200, True))
        finally:
            running.resume()
        settled(load, (200, False))

    assert load.failed == []
    assert {status for status, _, _ in load.answers} == {200}
    told = [seconds for _, told, seconds in load.answers if told]
    assert max(told) < deadline_s + 3
    assert metric(server, "kascade_feature_lookups_total", 'outcome="timeout"') >= len(told)


def metric(server: Any, name: str, label: str) -> float:
    """Return the sum of a metric's series with a label; 0 without one."""
    _, _, raw = server.request("GET", "/metrics", b"")
    lines = [line for line in raw.decode().splitlines() if line.startswith(name) and label in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
