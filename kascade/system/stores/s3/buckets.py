"""What can be asked of buckets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from kascade.system.stores.s3.call import Call, answer, need_null_version, split_path
from kascade.system.stores.s3.documents import Content, keys_to_delete, timestamp
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import LAST, Entry

_OWNER: tuple[tuple[str, Content], ...] = (("ID", "kascade"), ("DisplayName", "kascade"))


async def list_buckets(call: Call) -> web.Response:
    found = [
        ("Bucket", [("Name", name), ("CreationDate", timestamp(at))]) for name, at in call.index.buckets()
    ]
    return answer("ListAllMyBucketsResult", [("Owner", _OWNER), ("Buckets", found)])


async def make_bucket(call: Call) -> web.Response:
    call.index.make_bucket(call.bucket)
    return web.Response(headers={"Location": f"/{call.bucket}"})


async def head_bucket(call: Call) -> web.Response:
    call.index.need_bucket(call.bucket)
    return web.Response(headers={"x-amz-bucket-region": "us-east-1"})


async def remove_bucket(call: Call) -> web.Response:
    call.index.remove_bucket(call.bucket)
    return web.Response(status=204)


async def locate_bucket(call: Call) -> web.Response:
    call.index.need_bucket(call.bucket)
    return answer("LocationConstraint", [])


async def get_versioning(call: Call) -> web.Response:
    call.index.need_bucket(call.bucket)
    return answer("VersioningConfiguration", [])


async def list_objects(call: Call) -> web.Response:
    """List by version 1 or 2 of the operation."""
    query = call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    second = query.get("list-type") == "2"
    after = _after_second(query) if second else _after_first(query, prefix, delimiter)
    limit = _limit(query)
    page = call.index.page(call.bucket, prefix, delimiter, after, limit)
    written = _key_writer(query)
    content: list[tuple[str, Content]] = [("Name", call.bucket), ("Prefix", written(prefix))]
    if delimiter:
        content.append(("Delimiter", written(delimiter)))
    if query.get("encoding-type"):
        content.append(("EncodingType", "url"))
    content += [("MaxKeys", limit), ("IsTruncated", "true" if page.last and limit else "false")]
    if second:
        content.append(("KeyCount", len(page.entries) + len(page.prefixes)))
        content += [
            (tag, written(query[name]) if name == "start-after" else query[name])
            for tag, name in (("ContinuationToken", "continuation-token"), ("StartAfter", "start-after"))
            if name in query
        ]
    else:
        content.append(("Marker", written(query.get("marker", ""))))
    if page.last and limit:
        token = base64.urlsafe_b64encode(page.last.encode()).decode()
        next_marker = written(page.last.removesuffix(LAST))
        content.append(("NextContinuationToken", token) if second else ("NextMarker", next_marker))
    owned = not second or query.get("fetch-owner") == "true"
    content += [("Contents", _listed(entry, written, owned)) for entry in page.entries]
    content += [("CommonPrefixes", [("Prefix", written(each))]) for each in page.prefixes]
    return answer("ListBucketResult", content)


async def list_uploads(call: Call) -> web.Response:
    written = _key_writer(call.query)
    prefix = call.query.get("prefix", "")
    found: list[tuple[str, Content]] = [
        ("Upload", [("Key", written(key)), ("UploadId", upload), ("Initiated", timestamp(started))])
        for key, upload, started in call.index.uploads(call.bucket)
        if key.startswith(prefix)
    ]
    content: list[tuple[str, Content]] = [("Bucket", call.bucket), ("Prefix", written(prefix))]
    if call.query.get("encoding-type"):
        content.append(("EncodingType", "url"))
    return answer("ListMultipartUploadsResult", [*content, ("IsTruncated", "false"), *found])


async def remove_objects(call: Call) -> web.Response:
    call.index.need_bucket(call.bucket)
    keys, quiet = keys_to_delete(await call.document())
    content: list[tuple[str, Content]] = []
    for key, version in keys:
        try:
            need_null_version(version)
            split_path(f"/{call.bucket}/{key}".encode())
            call.index.remove(call.bucket, key)
            if not quiet:
                content.append(("Deleted", [("Key", key)]))
        except S3Error as error:
            content.append(("Error", [("Key", key), ("Code", error.code), ("Message", str(error))]))
    return answer("DeleteResult", content)


def _listed(entry: Entry, written: Callable[[str], str], owned: bool) -> list[tuple[str, Content]]:
    content: list[tuple[str, Content]] = [
        ("Key", written(entry.key)),
        ("LastModified", timestamp(entry.modified)),
        ("ETag", f'"{entry.etag}"'),
        ("Size", entry.size),
        ("StorageClass", "STANDARD"),
    ]
    return [*content, ("Owner", _OWNER)] if owned else content


def _key_writer(query: dict[str, str]) -> Callable[[str], str]:
    encoding = query.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise S3Error("InvalidArgument", "encoding-type must be url.")
    return quote if encoding else str


def _limit(query: dict[str, str]) -> int:
    value = query.get("max-keys") or "1000"
    if not value.isascii() or not value.isdigit():
        raise S3Error("InvalidArgument", "max-keys must be a number from 0.")
    return min(1000, int(value[:9]))


def _after_second(query: dict[str, str]) -> str:
    if "continuation-token" not in query:
        return query.get("start-after", "")
    try:
        return base64.urlsafe_b64decode(query["continuation-token"]).decode()
    except (binascii.Error, ValueError) as error:
        raise S3Error("InvalidArgument", "The continuation token is not one of ours.") from error


def _after_first(query: dict[str, str], prefix: str, delimiter: str) -> str:
    marker = query.get("marker", "")
    common = delimiter and marker.startswith(prefix) and marker.endswith(delimiter)
    return marker + LAST if common else marker
