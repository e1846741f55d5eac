"""Requests that are malformed, hostile or unlucky, at the embedded store and at MinIO."""

from __future__ import annotations

import hashlib
import random
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.s3_clients import Raw, refused

from kascade.system.stores.embedded import EmbeddedStore
from kascade.system.stores.server import StoreServer

pytestmark = pytest.mark.slow

EMPTY = hashlib.sha256().hexdigest()
SCHEME, REST = b"AWS4-HMAC-SHA256", b"SignedHeaders=host, Signature=" + b"0" * 64
UNSIGNED = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}


def only(store: StoreServer, why: str) -> None:
    """Leave MinIO out."""
    if not isinstance(store, EmbeddedStore):
        pytest.skip(f"not MinIO: {why}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("range", f"bytes={'9' * 5000}-"),
        ("range", "bytes=0-٣"),
        ("if-modified-since", "9 Oct 9999999994 3:1"),
        ("x-amz-decoded-content-length", "many"),
    ],
)
def test_a_header_that_is_no_number_or_time_is_no_error_of_the_store(
    raw: Raw, s3: Any, bucket: str, name: str, value: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    for method in ("GET", "PUT"):
        headers, _, _ = raw.signed(method, f"/{bucket}/a", UNSIGNED)
        sent = {**headers, name: value.encode()} if not name.startswith("x-amz-") else None
        if sent is None:
            sent, _, _ = raw.signed(method, f"/{bucket}/a", {**UNSIGNED, name: value})
        status, said, _ = raw.send(method, f"/{bucket}/a", sent, b"x" if method == "PUT" else None)
        assert status < 500, said


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": b"%s Credential=\xff/a/b/s3/aws4_request, %s" % (SCHEME, REST)},
        {"authorization": b"%s Credential=access/\xff/b/s3/aws4_request, \xff%s" % (SCHEME, REST)},
        {"authorization": b"AWS \xff", "x-amz-date": b"\xff"},
    ],
)
def test_bytes_that_are_no_text_in_what_nobody_signed_are_refused(
    raw: Raw, bucket: str, headers: dict[str, Any]
) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ").encode()
    status, said, _ = raw.send("GET", f"/{bucket}/a", {"x-amz-date": moment, **headers})
    assert 400 <= status < 500, said


@pytest.mark.parametrize("expires", ["0000006048009", f"1{'0' * 5000}", "-1", "x"])
def test_a_presigned_address_for_ever_is_refused(raw: Raw, bucket: str, expires: str) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}%2Fus-east-1%2Fs3%2Faws4_request"
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=access%2F{scope}"
    query += (
        f"&X-Amz-Date={moment}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    status, said, _ = raw.send("GET", f"/{bucket}/a?{query}", {})
    assert status in (400, 403), said
    assert b"SignatureDoesNotMatch" not in said


def test_what_the_signature_does_not_cover_is_not_obeyed(
    s3_store: StoreServer, raw: Raw, s3: Any, bucket: str
) -> None:
    only(s3_store, "it obeys")
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    headers, _, _ = raw.signed("PUT", f"/{bucket}/mine", UNSIGNED)
    added = {**headers, "x-amz-copy-source": f"/{bucket}/secret"}
    status, _, _ = raw.send("PUT", f"/{bucket}/mine", added, b"")
    assert 400 <= status < 500
    refused(lambda: s3.head_object(Bucket=bucket, Key="mine"), "404")


def test_a_version_that_is_not_there_is_missing_and_the_object_stays(
    s3_store: StoreServer, s3: Any, bucket: str
) -> None:
    only(s3_store, "it removes the object")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    other = "00000000-0000-0000-0000-000000000000"
    refused(lambda: s3.get_object(Bucket=bucket, Key="a", VersionId=other))
    with suppress(ClientError):  # Amazon's answers 204, and removes nothing
        s3.delete_object(Bucket=bucket, Key="a", VersionId=other)
    with suppress(ClientError):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": other}]})
    assert s3.get_object(Bucket=bucket, Key="a", VersionId="null")["Body"].read() == b"x"


def test_what_must_be_encrypted_locked_or_appended_is_not_stored_plainly(
    s3: Any, raw: Raw, bucket: str
) -> None:
    for asked in (
        {"x-amz-server-side-encryption": "AES256"},
        {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
        {"x-amz-object-lock-mode": "GOVERNANCE"},
    ):
        headers, _, _ = raw.signed("PUT", f"/{bucket}/a", UNSIGNED | asked)
        status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, b"x")
        assert status in (400, 501), asked
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_trailer_that_was_promised_and_does_not_come_is_missed(raw: Raw, s3: Any, bucket: str) -> None:
    given = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "3",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    headers, _, _ = raw.signed("PUT", f"/{bucket}/a", given)
    status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, b"3\r\nabc\r\n0\r\n\r\n")
    assert status == 400
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_trailers_without_end_are_refused(raw: Raw, bucket: str) -> None:
    given = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "0",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    headers, _, _ = raw.signed("PUT", f"/{bucket}/a", given)
    body = b"0\r\n" + b"".join(b"x-a-%d:1\r\n" % number for number in range(50_000)) + b"\r\n"
    with suppress(ConnectionError):  # it may not even be read
        status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, body)
        assert status == 400


def test_a_document_that_expands_is_refused(raw: Raw, s3: Any, bucket: str) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(9))
    text = f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE d [{entities}]>'
    text += "<Delete><Object><Key>&e8;</Key></Object></Delete>"
    for body in (text.encode("utf-16"), text.replace("utf-16", "utf-8").encode()):
        headers, _, _ = raw.signed(
            "POST", f"/{bucket}?delete=", {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        )
        status, _, _ = raw.send("POST", f"/{bucket}?delete", headers, body)
        assert status == 400


def test_a_part_of_a_copy_is_within_what_is_copied(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    place = {"Bucket": bucket, "Key": "a", "UploadId": upload, "PartNumber": 1}
    source = {"Bucket": bucket, "Key": "source"}
    for asked in ("bytes=5-20", "bytes=5-", "0-1"):
        refused(lambda asked=asked: s3.upload_part_copy(CopySource=source, CopySourceRange=asked, **place))


def test_a_copy_honours_its_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    source = {"Bucket": bucket, "Key": "a"}
    for failing in ({"CopySourceIfNoneMatch": etag}, {"CopySourceIfMatch": '"other"'}):
        refused(
            lambda failing=failing: s3.copy_object(Bucket=bucket, Key="b", CopySource=source, **failing),
            "PreconditionFailed",
        )
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source, CopySourceIfMatch=etag)


def test_an_upload_of_more_parts_than_a_process_may_have_files_open(
    s3_store: StoreServer, s3: Any, bucket: str
) -> None:
    only(s3_store, "it needs a limit on the process")
    place = {
        "Bucket": bucket,
        "Key": "a",
        "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"],
    }
    part = bytes(5 << 20)
    s3.put_object(Bucket=bucket, Key="part", Body=part)

    def copy(number: int) -> dict[str, Any]:
        found = s3.upload_part_copy(PartNumber=number, CopySource={"Bucket": bucket, "Key": "part"}, **place)
        return {"PartNumber": number, "ETag": found["CopyPartResult"]["ETag"]}

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(copy, range(1, 41)))
    before = resource.prlimit(s3_store.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(s3_store.pid, resource.RLIMIT_NOFILE, (40, before[1]))
    try:
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    finally:
        resource.prlimit(s3_store.pid, resource.RLIMIT_NOFILE, before)
    assert s3.head_object(Bucket=bucket, Key="a")["ContentLength"] == 40 * len(part)


def test_uploads_of_one_key_at_once_leave_one_of_them_whole(s3: Any, bucket: str) -> None:
    def upload(number: int) -> bytes:
        content = random.Random(number).randbytes((5 << 20) + number)
        place = {
            "Bucket": bucket,
            "Key": "a",
            "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"],
        }
        etags = [
            s3.upload_part(PartNumber=at + 1, Body=piece, **place)["ETag"]
            for at, piece in enumerate((content[: 5 << 20], content[5 << 20 :]))
        ]
        parts = [{"PartNumber": at + 1, "ETag": etag} for at, etag in enumerate(etags)]
        if number % 2:
            s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
            return content
        s3.abort_multipart_upload(**place)
        return b""

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(upload, range(1, 7)))
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() in [each for each in written if each]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix="a")


def test_a_listing_goes_on_where_it_was_though_what_it_showed_is_removed(s3: Any, bucket: str) -> None:
    keys = [f"{number:03d}" for number in range(40)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    seen: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7}):
        seen += [each["Key"] for each in page.get("Contents", ())]
        for key in seen[-7:]:
            s3.delete_object(Bucket=bucket, Key=key)
    assert seen == keys


def test_the_last_of_all_characters_is_a_key_like_others(s3: Any, bucket: str) -> None:
    keys = ["a/\U0010ffff", "a/\U0010ffffb", "b", "\U0010ffff\U0010ffff"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == keys
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]]
    assert listed == keys[:2]
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["a/"]


def test_a_bucket_is_named_by_the_host_too(s3_store: StoreServer, raw: Raw, s3: Any, bucket: str) -> None:
    only(s3_store, "it wants MINIO_DOMAIN")
    host = {"host": f"{bucket}.localhost:{s3_store.port}"}
    headers, _, _ = raw.signed("PUT", "/m/a.csv", UNSIGNED | host)
    assert raw.send("PUT", "/m/a.csv", headers, b"x")[0] == 200
    assert s3.get_object(Bucket=bucket, Key="m/a.csv")["Body"].read() == b"x"
    headers, _, _ = raw.signed("GET", "/?list-type=2", {"x-amz-content-sha256": EMPTY} | host)
    assert b"<Key>m/a.csv</Key>" in raw.send("GET", "/?list-type=2", headers)[1]


def test_a_read_that_goes_on_gets_the_whole_object_when_it_changed(
    s3_store: StoreServer, raw: Raw, s3: Any, bucket: str
) -> None:
    only(s3_store, "it does not know If-Range")
    before = s3.put_object(Bucket=bucket, Key="a", Body=b"before")["ETag"]
    now = s3.put_object(Bucket=bucket, Key="a", Body=b"afterwards")["ETag"]
    for etag, right in ((before, b"afterwards"), (now, b"wards")):
        headers, _, _ = raw.signed("GET", f"/{bucket}/a", {"x-amz-content-sha256": EMPTY})
        _, said, _ = raw.send("GET", f"/{bucket}/a", {**headers, "range": "bytes=5-", "if-range": etag})
        assert said == right
