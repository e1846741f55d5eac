"""`kascade features import` on a real Feast repository in an object store, made as an owner makes it."""

from __future__ import annotations

import io
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.feast import DEADLINE_S, MISSING, program

from eventing.store import S3Store
from kascade.feast_repo import RepoUnreadable, as_model_yaml, described
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.features.of_spec import own_views
from pipelines.spec import parse_spec

pytestmark = [pytest.mark.skipif(program() is None, reason=MISSING), pytest.mark.timeout(900)]
CONFIG = """\
project: drivers
provider: local
registry: s3://lake/feast/registry.db
online_store: {type: sqlite, path: online.db}
offline_store: {type: file}
entity_key_serialization_version: 3
"""
DEFINITIONS = """\
import os
from datetime import timedelta
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64

def source(name, **more):
    return FileSource(name=name, path=f"s3://lake/{name}.parquet", timestamp_field="event_timestamp",
                      s3_endpoint_override=os.environ["AWS_ENDPOINT_URL_S3"], **more)

driver = Entity(name="driver", join_keys=["driver_id"])
key = Field(name="driver_id", dtype=Int64)
hourly = FeatureView(name="driver_hourly", entities=[driver], ttl=timedelta(hours=36),
                     schema=[key, Field(name="conv_rate", dtype=Float64)], source=source("hourly"))
renamed = FeatureView(name="renamed", entities=[driver], schema=[key, Field(name="conv", dtype=Float64)],
                      source=source("renamed", field_mapping={"c": "conv"}))
FeatureStore(fs_yaml_file="feature_store.yaml").apply([driver, hourly, renamed])
"""


def test_the_views_of_a_repository_in_s3_become_those_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedStore(tmp_path / "store", 0, "access", "secretsecret") as files:
        for name, value in {**files.env, "FEAST_S3_ENDPOINT_URL": files.env["AWS_ENDPOINT_URL_S3"]}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", files.env.get("AWS_REGION", "us-east-1"))
        store = S3Store.from_env(files.env)
        store.ensure_bucket("lake")
        _put_rows(store, "hourly", "conv_rate")
        _put_rows(store, "renamed", "c")
        _apply(tmp_path / "repo")
        store.put("s3://lake/feast/feature_store.yaml", CONFIG.encode())
        before = store.head("s3://lake/feast/registry.db").etag

        text = as_model_yaml(described("s3://lake/feast/feature_store.yaml"))

        assert store.head("s3://lake/feast/registry.db").etag == before
        with pytest.raises(RepoUnreadable):
            described("s3://lake/feast/nothing.yaml")
    (view,) = own_views(parse_spec(f"target: late\n{text}".encode(), model="late"))
    assert (view.name, view.path) == ("driver_hourly", "s3://lake/hourly.parquet")
    assert (view.entity, view.fields) == (("driver_id",), ("conv_rate",))
    assert view.ttl is not None
    assert view.ttl.total_seconds() == 36 * 3600
    assert "# left out: renamed, its source renames columns (c)" in text


def _put_rows(store: S3Store, name: str, field: str) -> None:
    at = pa.array([datetime(2026, 11, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))
    file = io.BytesIO()
    pq.write_table(pa.table({"driver_id": [1], "event_timestamp": at, field: [0.5]}), file)
    store.put(f"s3://lake/{name}.parquet", file.getvalue())


def _apply(folder: Path) -> None:
    folder.mkdir()
    (folder / "feature_store.yaml").write_text(CONFIG)
    (folder / "definitions.py").write_text(DEFINITIONS)
    command = [str(program()), "definitions.py"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
