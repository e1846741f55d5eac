"""What any S3 must do for its clients: the embedded store and MinIO, by boto3 and by bare HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import random
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from support.s3_clients import Raw, client, refused

from kascade.system.stores.server import StoreServer

EMPTY = hashlib.sha256().hexdigest()


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


@pytest.mark.case("B3")
def test_a_body_without_a_length_is_stored(raw: Raw, s3: Any, bucket: str) -> None:
    headers, _, _ = raw.signed("PUT", f"/{bucket}/a", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    headers["transfer-encoding"] = "chunked"
    status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, iter([b"one ", b"two"]))
    if status == 411:
        pytest.skip("this store wants a length, as Amazon's does")
    assert status == 200
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"one two"


def trailer_body(content: bytes, checksum: str) -> bytes:
    pieces = [content[at : at + 70_000] for at in range(0, len(content), 70_000)]
    chunks = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return chunks + f"0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()


@pytest.mark.case("B4")
@pytest.mark.parametrize("right", [True, False])
def test_an_unsigned_body_in_chunks_with_a_trailer_is_decoded_and_checked(
    raw: Raw, s3: Any, bucket: str, right: bool
) -> None:
    content = random.Random(1).randbytes(200_000)
    checksum = base64.b64encode(zlib.crc32(content if right else b"").to_bytes(4, "big")).decode()
    body = trailer_body(content, checksum)
    given = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(content)),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
    }
    headers, _, _ = raw.signed("PUT", f"/{bucket}/a", given)
    status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, body)
    if right:
        assert status == 200
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == content
        assert not s3.head_object(Bucket=bucket, Key="a").get("ContentEncoding")
    else:
        assert status == 400
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.case("B4")
@pytest.mark.parametrize("trailer", [False, True])
@pytest.mark.parametrize("right", [True, False])
def test_a_signed_body_in_chunks_is_decoded_and_its_signatures_checked(
    raw: Raw, s3: Any, bucket: str, trailer: bool, right: bool
) -> None:
    content = random.Random(2).randbytes(150_000)
    given = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else ""),
        "x-amz-decoded-content-length": str(len(content)),
        "content-encoding": "aws-chunked",
    }
    if trailer:
        given["x-amz-trailer"] = "x-amz-checksum-crc32"
    headers, key, signature = raw.signed("PUT", f"/{bucket}/a", given)
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
    body = b""
    for piece in [content[:65536], content[65536:131072], content[131072:], b""]:
        lines = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            moment,
            scope,
            signature,
            EMPTY,
            hashlib.sha256(piece).hexdigest(),
        ]
        signature = hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()
        sent = piece if right or piece != content[131072:] else piece[:-1] + b"\0"
        body += f"{len(piece):x};chunk-signature={signature}\r\n".encode() + sent
        body += b"\r\n" if piece or not trailer else b""
    if trailer:
        checksum = f"x-amz-checksum-crc32:{base64.b64encode(zlib.crc32(content).to_bytes(4, 'big')).decode()}"
        digest = hashlib.sha256(f"{checksum}\n".encode()).hexdigest()
        lines = ["AWS4-HMAC-SHA256-TRAILER", moment, scope, signature, digest]
        last = hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()
        body += f"{checksum}\r\nx-amz-trailer-signature:{last}\r\n\r\n".encode()
    status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, body)
    if right:
        assert status == 200
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == content
    else:
        assert 400 <= status < 500
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_body_that_is_not_what_its_digests_say_is_refused(raw: Raw, s3: Any, bucket: str) -> None:
    wrong = {
        "x-amz-content-sha256": hashlib.sha256(b"other").hexdigest(),
        "content-md5": base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode(),
    }
    for name, value in wrong.items():
        given = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", name: value}
        headers, _, _ = raw.signed("PUT", f"/{bucket}/a", given)
        status, _, _ = raw.send("PUT", f"/{bucket}/a", headers, b"this")
        assert status == 400, name
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_body_that_breaks_off_leaves_what_was_there(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    headers, _, _ = raw.signed("PUT", f"/{bucket}/a", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    connection = http.client.HTTPConnection(headers["host"], timeout=20)
    connection.putrequest("PUT", f"/{bucket}/a", skip_host=True)
    for name, value in {**headers, "content-length": "1000000"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"x" * 400_000)
    connection.close()
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"before"
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1


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


# Parts.


def test_an_upload_in_parts_is_joined_in_order(s3: Any, bucket: str) -> None:
    parts = [random.Random(number).randbytes(5 << 20) for number in (1, 2)] + [b"end"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="text/csv")["UploadId"]
    place = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    etags = {
        number: s3.upload_part(PartNumber=number, Body=parts[number - 1], **place)["ETag"]
        for number in (3, 1, 2)
    }
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert [each["Size"] for each in s3.list_parts(**place)["Parts"]] == [5 << 20, 5 << 20, 3]
    chosen = [{"PartNumber": number, "ETag": etags[number]} for number in (1, 2, 3)]
    made = s3.complete_multipart_upload(MultipartUpload={"Parts": chosen}, **place)
    assert made["ETag"].strip('"').endswith("-3")
    answer = s3.get_object(Bucket=bucket, Key="big")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"".join(parts), "text/csv")
    assert answer["ETag"] == made["ETag"] == s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ETag"]


def test_parts_that_do_not_fit_are_refused_and_an_upload_can_be_given_up(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    place = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    etags = [s3.upload_part(PartNumber=number, Body=b"small", **place)["ETag"] for number in (1, 2)]
    chosen = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    for parts, code in (
        (chosen, "EntityTooSmall"),
        (chosen[::-1], "InvalidPartOrder"),
        ([{"PartNumber": 7, "ETag": etags[0]}], "InvalidPart"),
    ):
        done = lambda parts=parts: s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)  # noqa: E731
        refused(done, code)
    s3.abort_multipart_upload(**place)
    refused(lambda: s3.upload_part(PartNumber=1, Body=b"x", **place), "NoSuchUpload")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_part_may_be_a_range_of_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    place = {
        "Bucket": bucket,
        "Key": "a",
        "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"],
    }
    source = {"Bucket": bucket, "Key": "source"}
    copied = s3.upload_part_copy(PartNumber=1, CopySource=source, CopySourceRange="bytes=2-4", **place)
    parts = [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"234"


# Who asks, and when.


def test_a_wrong_secret_and_an_unknown_key_are_refused(s3_store: StoreServer, bucket: str) -> None:
    wrong = client(s3_store, aws_secret_access_key="wrongwrong")
    refused(lambda: wrong.put_object(Bucket=bucket, Key="a", Body=b""), "SignatureDoesNotMatch")
    unknown = client(s3_store, aws_access_key_id="nobody")
    refused(lambda: unknown.list_objects_v2(Bucket=bucket), "InvalidAccessKeyId")


def test_a_request_that_nobody_signed_is_refused(raw: Raw, bucket: str) -> None:
    for method, path in (("GET", "/"), ("GET", f"/{bucket}"), ("PUT", f"/{bucket}/a")):
        status, body, _ = raw.send(method, path, {}, b"" if method == "PUT" else None)
        assert (status, b"AccessDenied" in body) == (403, True)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_wrong_is_named(raw: Raw, bucket: str, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    headers, _, _ = raw.signed("GET", f"/{bucket}", {"x-amz-content-sha256": EMPTY}, at=at)
    status, body, _ = raw.send("GET", f"/{bucket}", headers)
    assert (status, b"RequestTimeTooSkewed" in body) == (403, True)


def test_a_presigned_address_works_until_it_expires(s3: Any, s3_store: StoreServer, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "a ü+b"}
    signer = client(s3_store, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    put = signer.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    assert requests.put(put, data=b"by link", timeout=10).status_code == 200
    get = signer.generate_presigned_url(
        "get_object", Params={**where, "ResponseContentType": "text/csv"}, ExpiresIn=60
    )
    answer = requests.get(get, timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"by link", "text/csv")
    assert requests.delete(get, timeout=10).status_code == 403
    assert requests.get(get.replace("b?", "c?"), timeout=10).status_code == 403
    past = datetime.now(UTC) - timedelta(seconds=100)
    env = s3_store.env
    request = AWSRequest("GET", f"{s3_store.endpoint}/{bucket}/{quote('a ü+b')}")
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    auth = botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda **_: past.replace(tzinfo=None))
        auth.add_auth(request)
    answer = requests.get(request.url, timeout=10)
    assert answer.status_code == 403, answer.text
    assert "expired" in answer.text.lower()


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
