"""Bodies and uploads over S3: chunks, trailers, parts, and what breaks off."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import random
import zlib
from typing import Any

import pytest
from support.s3_clients import Raw, refused

EMPTY = hashlib.sha256().hexdigest()


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
