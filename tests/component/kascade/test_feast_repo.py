"""A real Feast repository in a bucket: what it declares becomes `features:`, and its rows are served here."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.feast import MISSING, program
from support.features_in_feast import World
from support.receiver import Receiver

from eventing.catalogue import FeaturesMaterialized
from eventing.store import S3Store
from kascade.feast_repo import RepoUnreadable, as_model_yaml, described
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.features.of_spec import own_views
from pipelines.spec import check_rules, parse_spec

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(program() is None, reason=MISSING)]
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
CONFIG = """\
project: drivers
provider: local
registry: {path: s3://lake/feast/registry.db, cache_ttl_seconds: 0}
online_store: {type: sqlite, path: online.db}
offline_store: {type: file}
entity_key_serialization_version: 3
"""
DECLARE = """
import os
from datetime import timedelta
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64, String

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)


def files(name, path, **more):
    endpoint = os.environ["AWS_ENDPOINT_URL_S3"]
    return FileSource(name=name, path=path, timestamp_field="at", s3_endpoint_override=endpoint, **more)


def view(name, source, entities=(driver,), ttl=timedelta(days=2), **more):
    types = {"trips": Int64, "rate": Float64, "plan": String, **more}
    types |= {"driver_id": Int64} if entities else {}
    schema = [Field(name=each, dtype=dtype) for each, dtype in types.items()]
    return FeatureView(name=name, entities=list(entities), ttl=ttl, schema=schema, source=source)


hourly = view("driver_hourly", files("hourly", "s3://lake/drivers/", created_timestamp_column="made"))
single = view("drivers-Daily", files("daily", "s3://lake/daily.parquet"), ttl=timedelta(0), km=Float64)
local = view("local", FileSource(name="disk", path="/data/rows.parquet", timestamp_field="at"))
renamed = view("renamed", files("renaming", "s3://lake/renamed/", field_mapping={"b": "rate"}))
everyone = view("everyone", files("all", "s3://lake/all/"), entities=())


@on_demand_feature_view(sources=[hourly], schema=[Field(name="per_trip", dtype=Float64)])
def per_trip(inputs):
    return (inputs["rate"] / inputs["trips"]).to_frame("per_trip")


views = [hourly, single, local, renamed, everyone, per_trip]
FeatureStore(fs_yaml_file="feature_store.yaml").apply([driver, *views])
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Return a store with somebody's bucket: a registry, its feature_store.yaml, and rows."""
    folder = tmp_path_factory.mktemp("theirs")
    with EmbeddedStore(folder / "objects", 0, "access", "secretsecret") as embedded:
        store = S3Store.from_env(embedded.env)
        store.ensure_bucket("lake")
        for key, rows in (("drivers/1.parquet", 3), ("drivers/2.parquet", 6), ("daily.parquet", 2)):
            store.put(f"s3://lake/{key}", _rows(rows))
        store.put("s3://lake/feast/feature_store.yaml", CONFIG.encode())
        (folder / "feature_store.yaml").write_text(CONFIG)
        (folder / "declare.py").write_text(DECLARE)
        _in_feast(folder, embedded.env)
        yield embedded


@pytest.fixture(autouse=True)
def _store_is_reached(lake: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lake.env.items():
        monkeypatch.setenv(name, value)


def _rows(drivers: int) -> bytes:
    """Return Parquet: in the file for more drivers each has another row, which is newer."""
    moments = [NOW + timedelta(hours=drivers)] * drivers
    columns = {
        "driver_id": pa.array(range(drivers), pa.int64()),
        "at": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "made": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "trips": pa.array([100 * drivers + number for number in range(drivers)], pa.int64()),
        "rate": pa.array([number / 7 for number in range(drivers)], pa.float64()),
        "km": pa.array([number * 1.5 for number in range(drivers)], pa.float64()),
        "plan": pa.array(["gold" if number % 2 else None for number in range(drivers)]),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _in_feast(folder: Path, env: dict[str, str]) -> None:
    """Declare the views as their owner would, where Feast is."""
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), **env}
    given |= {
        "FEAST_S3_ENDPOINT_URL": env["AWS_ENDPOINT_URL_S3"],
        "AWS_DEFAULT_REGION": env.get("AWS_REGION", "us-east-1"),
    }
    command = [str(program()), "declare.py"]
    done = subprocess.run(command, env=given, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("repo", ["s3://lake/feast/feature_store.yaml", "s3://lake/feast/"])
def test_a_repository_in_a_bucket_is_read_by_its_file_or_its_folder(
    repo: str,
) -> None:
    text = as_model_yaml(described(repo))
    spec = parse_spec(f"target: late\n{text}".encode(), model="trips", checks=[check_rules])
    found = {view.name: view for view in own_views(spec)}
    assert set(found) == {"driver_hourly", "drivers_daily"}
    hourly, daily = found["driver_hourly"], found["drivers_daily"]
    assert (hourly.path, hourly.entity, hourly.timestamp) == (
        "s3://lake/drivers/*.parquet",
        ("driver_id",),
        "at",
    )
    assert (hourly.ttl, hourly.fields) == (timedelta(days=2), ("trips", "rate", "plan"))
    assert (daily.path, daily.ttl, daily.fields) == ("s3://lake/daily.parquet", None, ("km",))
    left_out = {line.split(",")[0] for line in text.splitlines() if line.startswith("# left out:")}
    assert left_out == {f"# left out: {name}" for name in ("local", "renamed", "everyone", "per_trip")}


def test_the_registry_is_not_written(lake: EmbeddedStore) -> None:
    store = S3Store.from_env(lake.env)
    before = {each.uri: each.etag for each in store.list("s3://lake/")}
    described("s3://lake/feast")
    assert {each.uri: each.etag for each in store.list("s3://lake/")} == before
    assert "s3://lake/feast/registry.db" in before


def test_a_bucket_without_a_repository_is_told() -> None:
    with pytest.raises(RepoUnreadable, match=r"s3://lake/nowhere: .*s3://lake/nowhere/feature_store.yaml"):
        described("s3://lake/nowhere")


def test_what_is_imported_is_served_as_their_files_have_it(lake: EmbeddedStore, tmp_path: Path) -> None:
    text = as_model_yaml(described("s3://lake/feast"))
    with Receiver() as receiver:
        world = World(tmp_path, lake.env, receiver)
        try:
            world.feast.start()
            said = world.features.drop("trips/model.yaml", f"target: late\n{text}")
            online = {
                each.data["view"]: each.data["name"]
                for each in said
                if each.type == FeaturesMaterialized.type and each.data["online"]
            }
            assert set(online) == {"driver_hourly", "drivers_daily"}, [each.data for each in said]
            names = [f"{online['driver_hourly']}:{each}" for each in ("trips", "rate", "plan")]
            asked = {"features": names, "entities": {"driver_id": [1, 5, 99]}}
            status, answer = world.feast.ask("/get-online-features", asked)
            (checked,) = world.features.request("trips", "check")
        finally:
            world.feast.kill()
    assert status == 200, answer
    columns = dict(
        zip(answer["metadata"]["feature_names"], (each["values"] for each in answer["results"]), strict=True)
    )
    assert (columns["trips"], columns["plan"]) == ([601, 605, None], ["gold", "gold", None])
    assert columns["rate"] == [1 / 7, 5 / 7, None]
    assert checked.data["consistent"], json.dumps(checked.data)
