"""The clients that people have: each writes, lists, reads and removes, in the embedded store and in MinIO.

Those that the environment lacks are skipped with the command that brings them.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
import duckdb
import duckdb_extensions
import minio
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from kascade.system.stores.server import StoreServer

pytestmark = pytest.mark.slow

BIG = os.urandom(1 << 20) * 12
TABLE = pa.table({"n": list(range(1000)), "word": [f"w{number % 7}" for number in range(1000)]})


@pytest.fixture
def keys(s3_store: StoreServer) -> tuple[str, str]:
    return s3_store.env["AWS_ACCESS_KEY_ID"], s3_store.env["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture
def s3(s3_store: StoreServer, keys: tuple[str, str]) -> Any:
    session = boto3.session.Session(*keys, region_name="us-east-1")
    return session.client("s3", endpoint_url=s3_store.endpoint)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"c-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def listed(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_boto3_transfers_large_files_by_threads(s3: Any, bucket: str) -> None:
    s3.upload_fileobj(io.BytesIO(BIG), bucket, "big")
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy")
    found = io.BytesIO()
    s3.download_fileobj(bucket, "copy", found)
    assert found.getvalue() == BIG


def test_aws_cli(s3_store: StoreServer, s3: Any, bucket: str, tmp_path: Path) -> None:
    def aws(*words: str) -> str:
        env = {**os.environ, **s3_store.env, "AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": "us-east-1"}
        command = [sys.executable, "-m", "awscli", "s3", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "in" / "ü d").mkdir(parents=True)
    (tmp_path / "in" / "ü d" / "a.csv").write_text("x\n1\n")
    (tmp_path / "in" / "big").write_bytes(BIG)
    aws("sync", str(tmp_path / "in"), f"s3://{bucket}/in")
    assert "PRE in/" in aws("ls", f"s3://{bucket}/")
    aws("mv", f"s3://{bucket}/in/big", f"s3://{bucket}/moved")
    aws("cp", "--recursive", f"s3://{bucket}/", str(tmp_path / "out"))
    assert (tmp_path / "out" / "moved").read_bytes() == BIG
    assert (tmp_path / "out" / "in" / "ü d" / "a.csv").read_text() == "x\n1\n"
    aws("rm", "--recursive", f"s3://{bucket}/")
    assert listed(s3, bucket) == []


@pytest.mark.case("B3")
def test_pyarrow(s3_store: StoreServer, s3: Any, keys: tuple[str, str], bucket: str) -> None:
    files = pafs.S3FileSystem(
        access_key=keys[0], secret_key=keys[1], region="us-east-1", endpoint_override=s3_store.endpoint
    )
    pq.write_table(TABLE, f"{bucket}/t/one.parquet", filesystem=files)
    assert pq.read_table(f"{bucket}/t/one.parquet", filesystem=files) == TABLE
    ds.write_dataset(
        TABLE,
        f"{bucket}/parts",
        format="parquet",
        filesystem=files,
        partitioning=["word"],
        partitioning_flavor="hive",
    )
    read = ds.dataset(f"{bucket}/parts", filesystem=files, partitioning="hive").to_table()
    assert sorted(read["n"].to_pylist()) == list(range(1000))
    with files.open_output_stream(f"{bucket}/big") as stream:
        stream.write(BIG)
    with files.open_input_stream(f"{bucket}/big") as stream:
        assert stream.read() == BIG
    files.create_dir(f"{bucket}/empty")
    infos = files.get_file_info(pafs.FileSelector(bucket, recursive=True))
    assert f"{bucket}/t/one.parquet" in {info.path for info in infos}
    files.move(f"{bucket}/big", f"{bucket}/bigger")
    files.delete_dir_contents(f"{bucket}/parts")
    files.delete_file(f"{bucket}/bigger")
    assert not [key for key in listed(s3, bucket) if key.startswith(("parts/p", "parts/w", "big"))]


def test_s3fs_and_pandas(s3_store: StoreServer, keys: tuple[str, str], bucket: str) -> None:
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install s3fs")
    files = s3fs.S3FileSystem(
        key=keys[0],
        secret=keys[1],
        endpoint_url=s3_store.endpoint,
        client_kwargs={"region_name": "us-east-1"},
    )
    with files.open(f"{bucket}/d/big", "wb") as stream:
        stream.write(BIG)
    assert files.cat_file(f"{bucket}/d/big", start=5, end=10) == BIG[5:10]
    assert files.cat_file(f"{bucket}/d/big") == BIG
    files.pipe_file(f"{bucket}/d/small ü", b"small")
    assert sorted(files.ls(f"{bucket}/d", detail=False)) == [f"{bucket}/d/big", f"{bucket}/d/small ü"]
    files.mv(f"{bucket}/d/big", f"{bucket}/d/moved")
    assert files.exists(f"{bucket}/d/moved")
    files.rm(f"{bucket}/d", recursive=True)
    assert files.find(bucket) == []


def test_duckdb(s3_store: StoreServer, keys: tuple[str, str], bucket: str) -> None:
    connection = duckdb.connect()
    try:
        duckdb_extensions.import_extension("httpfs", con=connection)
        connection.execute("LOAD httpfs")
        address = s3_store.endpoint.removeprefix("http://")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{keys[0]}', SECRET '{keys[1]}', REGION 'us-east-1',"
            f" ENDPOINT '{address}', URL_STYLE 'path', USE_SSL false)"
        )
        make = "SELECT range AS n, 'w' || range % 7 AS word FROM range(1000)"
        connection.execute(f"COPY ({make}) TO 's3://{bucket}/d/one.parquet'")
        connection.execute(f"COPY ({make}) TO 's3://{bucket}/d/two.csv' (HEADER)")
        for file in ("d/*.parquet", "d/two.csv"):
            found = connection.execute(f"SELECT sum(n), count(*) FROM 's3://{bucket}/{file}'").fetchone()  # noqa: S608
            assert found == (499_500, 1000)
    finally:
        connection.close()


@pytest.mark.case("B4")
def test_minio_py(s3_store: StoreServer, s3: Any, keys: tuple[str, str], bucket: str) -> None:
    address = s3_store.endpoint.removeprefix("http://")
    client = minio.Minio(address, access_key=keys[0], secret_key=keys[1], secure=False)
    client.put_object(bucket, "d/stream ü", io.BytesIO(BIG), length=-1, part_size=5 << 20)
    client.put_object(bucket, "d/small", io.BytesIO(b"small"), length=5, metadata={"from": "lab"})
    for key, content in (("d/stream ü", BIG), ("d/small", b"small")):
        answer = client.get_object(bucket, key)
        try:
            assert answer.read() == content
        finally:
            answer.close()
            answer.release_conn()
    assert client.stat_object(bucket, "d/small").metadata["x-amz-meta-from"] == "lab"
    assert [each.object_name for each in client.list_objects(bucket)] == ["d/"]
    from minio.deleteobjects import DeleteObject

    names = [DeleteObject(each.object_name) for each in client.list_objects(bucket, recursive=True)]
    assert list(client.remove_objects(bucket, names)) == []
    assert listed(s3, bucket) == []


def test_mc(s3_store: StoreServer, s3: Any, keys: tuple[str, str], bucket: str, tmp_path: Path) -> None:
    binary = os.environ.get("MC") or shutil.which("mc")
    if binary is None:
        pytest.skip("needs mc: go install github.com/minio/mc@latest, and its path in MC")
    host = s3_store.endpoint.replace("http://", f"http://{keys[0]}:{keys[1]}@")

    def mc(*words: str) -> list[dict[str, Any]]:
        env = {**os.environ, "MC_HOST_s": host, "MC_CONFIG_DIR": str(tmp_path / "mc")}
        command = [binary, "--json", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    (tmp_path / "in" / "d").mkdir(parents=True)
    (tmp_path / "in" / "d" / "a b.csv").write_text("x")
    (tmp_path / "in" / "big").write_bytes(BIG)
    mc("mb", f"s/{bucket}-2")
    mc("mirror", str(tmp_path / "in"), f"s/{bucket}/in")
    assert sorted(each["key"] for each in mc("ls", "--recursive", f"s/{bucket}")) == [
        "in/big",
        "in/d/a b.csv",
    ]
    assert mc("stat", f"s/{bucket}/in/big")[0]["size"] == len(BIG)
    mc("cp", f"s/{bucket}/in/big", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == BIG
    mc("rm", "--recursive", "--force", f"s/{bucket}/in")
    assert listed(s3, bucket) == []
    mc("rb", f"s/{bucket}-2")
