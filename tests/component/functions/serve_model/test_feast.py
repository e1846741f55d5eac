"""Rows by entity against a real Feast, which is killed under load and started again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
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


def serve(start: Any, folder: Path, url: str, missing: Any, reference: str = "balance") -> Any:
    plan = LookupPlan(
        (Key("customer_id", "integer"),),
        (LookedUp("balance", f"{VIEW.feast_name}:{reference}", 86400.0, 0),),
        missing=missing,
        deadline_s=DEADLINE_S,
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


def test_feast_is_killed_under_load_and_comes_back(running: feast.Feast, start: Any, tmp_path: Path) -> None:
    server = serve(start, tmp_path, running.url, "default")
    with asking(server) as load:
        settled(load, (200, False))
        running.kill()
        settled(load, (200, True))
        running.start()
        settled(load, (200, False))

    assert load.failed == []
    assert {status for status, _, _ in load.answers} == {200}
    assert max(seconds for _, _, seconds in load.answers) < DEADLINE_S + 5
