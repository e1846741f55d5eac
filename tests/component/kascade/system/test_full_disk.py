"""The embedded store on a disk that is full: a file system of a few megabytes, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[3]
PROGRAM = """
import contextlib, json, os, sys
from pathlib import Path
from botocore.exceptions import ClientError
from kascade.system.stores.embedded import EmbeddedStore
from support.s3_clients import client

def status(call):
    try:
        return call()["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]

folder = Path(sys.argv[1])
with EmbeddedStore(folder / "objects", 0, "access", "secretsecret", log=folder.with_name("log")) as running:
    s3 = client(running)
    s3.create_bucket(Bucket="raw")
    put = lambda key, size: status(lambda: s3.put_object(Bucket="raw", Key=key, Body=os.urandom(size)))
    upload = s3.create_multipart_upload(Bucket="raw", Key="p")["UploadId"]
    place = {"Bucket": "raw", "Key": "p", "UploadId": upload}
    s3.upload_part(PartNumber=1, Body=b"part", **place)
    large = [put(str(number), 300_000) for number in range(40)]
    with open(folder / "others", "wb", buffering=0) as others, contextlib.suppress(OSError):
        while True:
            others.write(bytes(4096))
    small = [put(f"small-{number}", 10) for number in range(300)]
    aborted = status(lambda: s3.abort_multipart_upload(**place))
    kept = [number for number, each in enumerate(large) if each == 200]
    read = sum(len(s3.get_object(Bucket="raw", Key=str(number))["Body"].read()) == 300_000 for number in kept)
    removed = status(lambda: s3.delete_object(Bucket="raw", Key=str(kept[0])))
    (folder / "others").unlink()
    after = put("after", 10)
    os.kill(running.pid, 9)
with EmbeddedStore(folder / "objects", 0, "access", "secretsecret", log=folder.with_name("log")) as running:
    s3 = client(running)
    keys = {each["Key"] for each in s3.list_objects_v2(Bucket="raw")["Contents"]}
    wanted = {f"small-{number}" for number, each in enumerate(small) if each == 200} | {"after"}
    wanted |= {str(number) for number in kept[removed == 204:]}
    files = len(list((folder / "objects" / ".objects").iterdir()))
print(json.dumps({
    "answers": sorted({*large, *small, aborted, removed}),
    "full": 507 in large, "removed": removed, "read": read == len(kept), "after": after,
    "same": keys == wanted, "spare": files - len(keys) - (aborted != 204),
}))
"""


def test_a_full_disk_is_said_and_what_was_taken_is_there_still(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size=8m none "{disk}" && exec "{sys.executable}" - "{disk}"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted]
    try:
        ended = subprocess.run(
            command,
            input=PROGRAM,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
    except FileNotFoundError:
        pytest.skip("needs unshare of util-linux")
    if "mount:" in ended.stderr or "unshare:" in ended.stderr:
        pytest.skip(f"a file system of its own cannot be made here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert set(found.pop("answers")) <= {200, 204, 507}, found
    assert found == {"full": True, "removed": 204, "read": True, "after": 200, "same": True, "spare": 0}
