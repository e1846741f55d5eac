"""What can be asked of objects."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import BinaryIO

from aiohttp import web

from kascade.system.stores.s3.call import KEPT, Call, answer, copy_source
from kascade.system.stores.s3.conditions import (
    check_current,
    check_source,
    check_write,
    is_unchanged,
    range_of_read,
)
from kascade.system.stores.s3.documents import timestamp
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry

_IN_MEMORY_BYTES = 1 << 18


async def get_object(call: Call) -> web.StreamResponse:
    """Send an object, or the range asked for; of HEAD its headers alone."""
    entry = call.need_object(call.bucket, call.key)
    if "partNumber" in call.query and (call.query["partNumber"] != "1" or "-" in entry.etag):
        raise S3Error("NotImplemented", "This store does not keep where the parts of an object were.")
    headers = {
        "Content-Type": "binary/octet-stream",
        **entry.headers,
        "ETag": f'"{entry.etag}"',
        "Last-Modified": format_datetime(datetime.fromtimestamp(int(entry.modified), UTC), usegmt=True),
        "Accept-Ranges": "bytes",
        **_overridden(call),
    }
    if is_unchanged(call, entry):
        return web.Response(status=304, headers={name: headers[name] for name in ("ETag", "Last-Modified")})
    start, end = range_of_read(call, entry)
    partial = call.header("Range") is not None and (start, end) != (0, entry.size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{entry.size}"
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    response.content_length = end - start
    with entry.file.open("rb") as file:  # before anything is awaited: it may be replaced meanwhile
        await response.prepare(call.request)
        if call.request.method == "GET" and end > start:
            await _send(call.request, response, file, start, end - start)
    return response


async def put_object(call: Call) -> web.Response:
    """Have an object: the body, or a copy of another one."""
    if "partNumber" in call.query:
        raise S3Error("InvalidArgument", "A part needs the uploadId of its upload.")
    check_write(call)
    if source := call.header("x-amz-copy-source"):
        return await _copy(call, source)
    async with call.written() as (path, received):
        check_write(call)
        etag = received.md5.hex()
        entry = Entry(call.key, path, received.size, etag, time.time(), call.kept_headers())
        call.index.put(call.bucket, entry)
    return web.Response(headers={"ETag": f'"{etag}"'})


async def remove_object(call: Call) -> web.Response:
    check_current(call)
    call.index.remove(call.bucket, call.key)
    return web.Response(status=204)


async def get_tags(call: Call) -> web.Response:
    call.need_object(call.bucket, call.key)
    return answer("Tagging", [("TagSet", [])])


async def _copy(call: Call, source: str) -> web.Response:
    found = call.need_object(*copy_source(source))
    check_source(call, found)
    path = call.index.new_file()
    os.link(found.file, path)  # no content is ever changed, so two objects can share it
    headers = call.kept_headers() if call.header("x-amz-metadata-directive") == "REPLACE" else found.headers
    entry = Entry(call.key, path, found.size, found.etag, time.time(), headers)
    call.index.put(call.bucket, entry)
    return answer(
        "CopyObjectResult", [("LastModified", timestamp(entry.modified)), ("ETag", f'"{entry.etag}"')]
    )


def _overridden(call: Call) -> Mapping[str, str]:
    """Return the headers that the client wants in the answer. Raises: S3Error: they can be none."""
    found = {name: value for name in KEPT if (value := call.query.get(f"response-{name.lower()}"))}
    if not all(value.isprintable() for value in found.values()):
        raise S3Error("InvalidArgument", "A header of the answer must be printable text.")
    return found


async def _send(
    request: web.BaseRequest, response: web.StreamResponse, file: BinaryIO, start: int, count: int
) -> None:
    if count <= _IN_MEMORY_BYTES:
        file.seek(start)
        await response.write(file.read(count))
    elif request.transport is not None:
        await asyncio.get_running_loop().sendfile(request.transport, file, start, count)
    await response.write_eof()
