"""What any S3 must do for its clients: the embedded store and MinIO, by boto3 and by bare HTTP."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.s3_clients import Raw, refused


def stored(put: Callable[[], object]) -> bool:
    """Say whether it was taken; what is not must be refused for a reason."""
    try:
        put()
    except ClientError:
        refused(put)
        return False
    return True


# Folders and keys.


@pytest.mark.case("B1")
def test_a_folder_made_in_a_console_takes_objects(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="x/", Body=b"")
    s3.put_object(Bucket=bucket, Key="x/model.yaml", Body=b"model: x")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["x/", "x/model.yaml"]
    assert s3.get_object(Bucket=bucket, Key="x/model.yaml")["Body"].read() == b"model: x"
    s3.delete_object(Bucket=bucket, Key="x/")
    assert s3.get_object(Bucket=bucket, Key="x/model.yaml")["Body"].read() == b"model: x"


ODD_KEYS = [
    "tab\there",
    "line\nfeed",
    "del\x7f",
    "ümläut/日本語/😀.csv",
    "space in it.csv",
    "a+b&c=d?e#f%20g.csv",
    "(1)'*!~.csv",
    'quote".csv',
    "<xml>&amp;",
    "date=2026-01-01/hour=00/x",
    ".hidden",
    "a..b",
    "...",
    "ends.",
    "/".join("s" * 200 for _ in range(4)),
    "x" * 250,
    "é",
    "e\u0301",
    "CaSe",
    "case",
]


@pytest.mark.case("B6")
def test_odd_keys_are_the_same_in_objects_and_listings(s3: Any, bucket: str) -> None:
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
        assert key in [each["Key"] for each in listed]
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(ODD_KEYS, key=str.encode)
    for key in ODD_KEYS:
        s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.case("B6")
def test_a_key_of_900_characters_in_one_is_stored_or_refused(s3: Any, bucket: str) -> None:
    if stored(
        lambda: s3.put_object(Bucket=bucket, Key="k" * 900, Body=b"long")
    ):  # MinIO: 255 between slashes
        assert s3.get_object(Bucket=bucket, Key="k" * 900)["Body"].read() == b"long"


def test_a_key_of_more_than_1024_bytes_is_refused(s3: Any, bucket: str) -> None:
    refused(lambda: s3.put_object(Bucket=bucket, Key="k" * 1025, Body=b""), "KeyTooLongError")


@pytest.mark.parametrize("key", ["a/../b", "../../etc/passwd", "a/..", "./a"])
def test_a_key_that_would_leave_its_folder_is_refused(raw: Raw, s3: Any, bucket: str, key: str) -> None:
    headers, _, _ = raw.signed("PUT", f"/{bucket}/{key}", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    status, _, _ = raw.send("PUT", f"/{bucket}/{key}", headers, b"x")
    assert 400 <= status < 500
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_key_with_two_slashes_is_kept_or_refused(s3: Any, bucket: str) -> None:
    if stored(lambda: s3.put_object(Bucket=bucket, Key="a//b", Body=b"x")):
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a//b"]


# Bodies.


def test_the_etag_is_the_md5_and_the_headers_come_back(s3: Any, bucket: str) -> None:
    told = s3.put_object(
        Bucket=bucket,
        Key="a",
        Body=b"content",
        ContentType="text/csv",
        Metadata={"from": "lab"},
        CacheControl="no-cache",
        ContentEncoding="gzip",
        ContentDisposition="attachment",
    )
    digest = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    head = s3.head_object(Bucket=bucket, Key="a")
    assert told["ETag"] == head["ETag"] == f'"{digest}"'
    assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == ("text/csv", {"from": "lab"}, 7)
    assert (head["CacheControl"], head["ContentEncoding"]) == ("no-cache", "gzip")
    assert head["ContentDisposition"] == "attachment"
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(seconds=60)


# Conditions.


@pytest.mark.case("B5")
def test_a_write_that_must_not_replace_does_not(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"first", IfNoneMatch="*")
    put = lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"second", IfNoneMatch="*")  # noqa: E731
    refused(put, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"first"


@pytest.mark.case("B5")
def test_of_many_writers_that_must_not_replace_one_wins(s3: Any, bucket: str) -> None:
    def write(number: int) -> bool:
        body = b"%d" % number * 50_000
        return stored(lambda: s3.put_object(Bucket=bucket, Key="a", Body=body, IfNoneMatch="*"))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1


def test_a_write_for_one_version_does_not_replace_another(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"first")["ETag"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"second", IfMatch=etag)
    put = lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"third", IfMatch=etag)  # noqa: E731
    refused(put, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"second"


def test_a_read_honours_its_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert s3.get_object(Bucket=bucket, Key="a", IfMatch=etag)["Body"].read() == b"x"
    for failing in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": now - hour}):
        with pytest.raises(ClientError, match=r"412|PreconditionFailed"):
            s3.get_object(Bucket=bucket, Key="a", **failing)
    for unchanged in ({"IfNoneMatch": etag}, {"IfModifiedSince": now + timedelta(seconds=2)}):
        with pytest.raises(ClientError, match="304"):
            s3.head_object(Bucket=bucket, Key="a", **unchanged)


# Reading.


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, 300_000),
        ("bytes=-3", 299_997, 300_000),
        ("bytes=10-299998", 10, 299_999),
        ("bytes=299999-400000", 299_999, 300_000),
    ],
)
def test_a_range_is_read(s3: Any, bucket: str, asked: str, start: int, end: int) -> None:
    content = random.Random(3).randbytes(300_000)
    s3.put_object(Bucket=bucket, Key="a", Body=content)
    answer = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert answer["Body"].read() == content[start:end]
    assert answer["ContentRange"] == f"bytes {start}-{end - 1}/300000"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_past_the_end_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"short")
    refused(lambda: s3.get_object(Bucket=bucket, Key="a", Range="bytes=5-9"), "InvalidRange")


def test_what_is_not_there_is_missing(s3: Any, bucket: str) -> None:
    refused(lambda: s3.get_object(Bucket=bucket, Key="no"), "NoSuchKey")
    refused(lambda: s3.head_object(Bucket=bucket, Key="no"), "404")
    refused(lambda: s3.list_objects_v2(Bucket="no-such-bucket"), "NoSuchBucket")
    refused(lambda: s3.put_object(Bucket="no-such-bucket", Key="a", Body=b""), "NoSuchBucket")
    refused(lambda: s3.head_bucket(Bucket="no-such-bucket"), "404")
    s3.delete_object(Bucket=bucket, Key="no")


# Listing.


def test_listings_of_both_versions_page_and_group(s3: Any, bucket: str) -> None:
    keys = [f"{folder}/{number}.csv" for folder in ("a", "b b", "ü") for number in range(5)] + ["top", "a.b"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for version in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 3, 1000):
            pages = s3.get_paginator(version).paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
            found = [each["Key"] for page in pages for each in page.get("Contents", ())]
            assert found == sorted(keys, key=str.encode), (version, size)
            pages = s3.get_paginator(version).paginate(
                Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
            )
            read = list(pages)
            assert [e["Key"] for page in read for e in page.get("Contents", ())] == ["a.b", "top"]
            folders = [e["Prefix"] for page in read for e in page.get("CommonPrefixes", ())]
            assert folders == ["a/", "b b/", "ü/"], (version, size)
    page = s3.list_objects_v2(Bucket=bucket, Prefix="b b/", Delimiter="/", StartAfter="b b/2.csv")
    assert [each["Key"] for each in page["Contents"]] == ["b b/3.csv", "b b/4.csv"]
    assert page["KeyCount"] == 2
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0


# Removing and copying.


def test_objects_are_removed_many_at_once(s3: Any, bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"k&{number}", Body=b"")
    wanted = {"Objects": [{"Key": f"k&{number}"} for number in range(4)] + [{"Key": "never"}]}
    answer = s3.delete_objects(Bucket=bucket, Delete=wanted)
    assert len(answer["Deleted"]) == 5
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k&4"]
    refused(lambda: s3.delete_bucket(Bucket=bucket), "BucketNotEmpty")
    s3.delete_object(Bucket=bucket, Key="k&4")
    s3.delete_bucket(Bucket=bucket)
    refused(lambda: s3.head_bucket(Bucket=bucket), "404")


def test_a_copy_outlives_what_it_was_copied_from(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a ü", Body=b"x", Metadata={"k": "v"})
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a ü"})
    s3.copy_object(
        Bucket=bucket,
        Key="c",
        CopySource={"Bucket": bucket, "Key": "a ü"},
        MetadataDirective="REPLACE",
        Metadata={"n": "w"},
    )
    s3.put_object(Bucket=bucket, Key="a ü", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="a ü")
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"x"
    assert s3.head_object(Bucket=bucket, Key="b")["Metadata"] == {"k": "v"}
    assert s3.head_object(Bucket=bucket, Key="c")["Metadata"] == {"n": "w"}


# What is done at once.


def test_a_reader_gets_one_version_whole_while_others_write(s3: Any, bucket: str) -> None:
    versions = [bytes([letter]) * 3_000_000 for letter in b"abc"]
    s3.put_object(Bucket=bucket, Key="a", Body=versions[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for version in versions:
                s3.put_object(Bucket=bucket, Key="a", Body=version)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(20):
                assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() in versions
        finally:
            stop.set()
        writing.result()
