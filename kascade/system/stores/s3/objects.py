"""What can be asked of objects, and of uploads in parts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from kascade.system.stores.s3.call import Call, answer, copy_source
from kascade.system.stores.s3.documents import Content, moment, parts_to_join
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry

_MIN_PART_BYTES = 5 << 20
_MAX_PARTS = 10_000
_KEPT = ("Cache-Control", "Content-Disposition", "Content-Language", "Content-Type", "Expires")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_IN_MEMORY_BYTES = 1 << 18


async def get_object(call: Call) -> web.StreamResponse:
    """Send an object, or the range asked for; of HEAD its headers alone."""
    entry = _need(call, call.bucket, call.key)
    headers = {
        "Content-Type": "binary/octet-stream",
        **entry.headers,
        "ETag": f'"{entry.etag}"',
        "Last-Modified": format_datetime(datetime.fromtimestamp(int(entry.modified), UTC), usegmt=True),
        "Accept-Ranges": "bytes",
    }
    headers |= {
        name: call.query[each] for name in _KEPT if (each := f"response-{name.lower()}") in call.query
    }
    if _unchanged(call, entry):
        return web.Response(status=304, headers={name: headers[name] for name in ("ETag", "Last-Modified")})
    start, end = _range(call.header("Range"), entry.size)
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
    _check_write(call)
    if source := call.header("x-amz-copy-source"):
        return await _copy(call, source)
    async with call.written() as (path, received):
        _check_write(call)
        etag = received.md5.hex()
        entry = Entry(call.key, path, received.size, etag, time.time(), _headers(call))
        call.index.put(call.bucket, entry)
    return web.Response(headers={"ETag": f'"{etag}"'})


async def remove_object(call: Call) -> web.Response:
    call.index.remove(call.bucket, call.key)
    return web.Response(status=204)


async def tell_tags(call: Call) -> web.Response:
    _need(call, call.bucket, call.key)
    return answer("Tagging", [("TagSet", [])])


async def start_upload(call: Call) -> web.Response:
    upload = call.index.start_upload(call.bucket, call.key, _headers(call))
    content = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload)]
    return answer("InitiateMultipartUploadResult", content)


async def put_part(call: Call) -> web.Response:
    """Have one part: the body, or a range of an object."""
    upload, value = call.query["uploadId"], call.query.get("partNumber", "")
    number = int(value[:9]) if value.isascii() and value.isdigit() else 0
    if not 1 <= number <= _MAX_PARTS:
        raise S3Error("InvalidArgument", f"partNumber must be from 1 to {_MAX_PARTS}.")
    call.index.need_upload(upload, call.bucket, call.key)
    if source := call.header("x-amz-copy-source"):
        found = _need(call, *copy_source(source))
        start, end = _range(call.header("x-amz-copy-source-range"), found.size)
        path, digest = await _joined(call, [(found.file.open("rb"), start, end - start)])
        entry = Entry("", path, end - start, digest, time.time(), {})
        call.index.put_part(upload, number, entry)
        content = [("LastModified", moment(entry.modified)), ("ETag", f'"{digest}"')]
        return answer("CopyPartResult", content)
    async with call.written() as (path, received):
        call.index.need_upload(upload, call.bucket, call.key)
        etag = received.md5.hex()
        call.index.put_part(upload, number, Entry("", path, received.size, etag, time.time(), {}))
    return web.Response(headers={"ETag": f'"{etag}"'})


async def list_parts(call: Call) -> web.Response:
    upload = call.query["uploadId"]
    call.index.need_upload(upload, call.bucket, call.key)
    content: list[tuple[str, Content]] = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload)]
    content.append(("IsTruncated", "false"))
    for number, part in call.index.parts(upload).items():
        shown: list[tuple[str, Content]] = [("PartNumber", number), ("LastModified", moment(part.modified))]
        content.append(("Part", [*shown, ("ETag", f'"{part.etag}"'), ("Size", part.size)]))
    return answer("ListPartsResult", content)


async def complete_upload(call: Call) -> web.Response:
    """Join the parts that the client names into the object."""
    upload = call.query["uploadId"]
    headers = call.index.need_upload(upload, call.bucket, call.key)
    wanted = parts_to_join(await call.document())
    _check_write(call)
    parts = _chosen(call.index.parts(upload), wanted)
    sources = [(part.file.open("rb"), 0, part.size) for part in parts]
    path, _ = await _joined(call, sources)
    try:
        _check_write(call)
        call.index.need_upload(upload, call.bucket, call.key)
        whole = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
        etag = f"{whole.hexdigest()}-{len(parts)}"
        size = sum(part.size for part in parts)
        call.index.put(call.bucket, Entry(call.key, path, size, etag, time.time(), headers))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    call.index.end_upload(upload)
    content = [("Location", f"/{call.bucket}/{call.key}"), ("Bucket", call.bucket), ("Key", call.key)]
    return answer("CompleteMultipartUploadResult", [*content, ("ETag", f'"{etag}"')])


async def abort_upload(call: Call) -> web.Response:
    call.index.need_upload(call.query["uploadId"], call.bucket, call.key)
    call.index.end_upload(call.query["uploadId"])
    return web.Response(status=204)


async def _copy(call: Call, source: str) -> web.Response:
    found = _need(call, *copy_source(source))
    _check_condition(found, call.header("x-amz-copy-source-if-match"), None)
    path = call.index.new_file()
    os.link(found.file, path)  # no content is ever changed, so two objects can share it
    headers = _headers(call) if call.header("x-amz-metadata-directive") == "REPLACE" else found.headers
    entry = Entry(call.key, path, found.size, found.etag, time.time(), headers)
    call.index.put(call.bucket, entry)
    return answer("CopyObjectResult", [("LastModified", moment(entry.modified)), ("ETag", f'"{entry.etag}"')])


def _need(call: Call, bucket: str, key: str) -> Entry:
    entry = call.index.find(bucket, key)
    if entry is None:
        raise S3Error("NoSuchKey", "The specified key does not exist.")
    return entry


def _headers(call: Call) -> dict[str, str]:
    kept = {name: value for name in _KEPT if (value := call.header(name)) is not None}
    kept |= {
        name.lower(): call.header(name) or ""
        for name in call.request.headers
        if name.lower().startswith("x-amz-meta-")
    }
    encodings = [each.strip() for each in (call.header("Content-Encoding") or "").split(",")]
    if left := ", ".join(each for each in encodings if each and each != "aws-chunked"):
        kept["Content-Encoding"] = left
    return kept


def _check_write(call: Call) -> None:
    """Refuse what must not be written: asked before the body is read, and again before it counts."""
    call.index.need_place(call.bucket, call.key)
    if_match, if_none_match = call.header("If-Match"), call.header("If-None-Match")
    if if_match or if_none_match:
        entry = call.index.find(call.bucket, call.key)
        if if_match and entry is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.")
        _check_condition(entry, if_match, if_none_match)


def _check_condition(entry: Entry | None, if_match: str | None, if_none_match: str | None) -> None:
    failed = entry and if_none_match and _names(if_none_match, entry)
    if failed or (entry and if_match and not _names(if_match, entry)):
        raise S3Error("PreconditionFailed", "At least one of the preconditions you specified did not hold.")


def _unchanged(call: Call, entry: Entry) -> bool:
    """Say whether the answer is 304. Raises: S3Error: a condition of the request does not hold."""
    if_match, if_none_match = call.header("If-Match"), call.header("If-None-Match")
    since, until = _time(call.header("If-Modified-Since")), _time(call.header("If-Unmodified-Since"))
    _check_condition(entry, if_match, None)
    if not if_match and until is not None and int(entry.modified) > until:
        raise S3Error("PreconditionFailed", "The object was modified since.")
    if if_none_match:
        return _names(if_none_match, entry)
    return since is not None and int(entry.modified) <= since


def _names(condition: str, entry: Entry) -> bool:
    named = [each.strip().removeprefix("W/").strip('"') for each in condition.split(",")]
    return "*" in named or entry.etag in named


def _time(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None


def _range(value: str | None, size: int) -> tuple[int, int]:
    """Return first byte and end of what is asked for: all of it when the range has another form."""
    found = _RANGE.fullmatch(value or "")
    if not found or found[0] == "bytes=-":
        return 0, size
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= size or (first and last and int(last) < start):
        raise S3Error("InvalidRange", "The requested range is not satisfiable.")
    return start, end


async def _send(
    request: web.BaseRequest, response: web.StreamResponse, file: BinaryIO, start: int, count: int
) -> None:
    if count <= _IN_MEMORY_BYTES:
        file.seek(start)
        await response.write(file.read(count))
    elif request.transport is not None:
        await asyncio.get_running_loop().sendfile(request.transport, file, start, count)
    await response.write_eof()


def _chosen(parts: dict[int, Entry], wanted: Sequence[tuple[int, str]]) -> list[Entry]:
    numbers = [number for number, _ in wanted]
    if not wanted or numbers != sorted(set(numbers)):
        raise S3Error("InvalidPartOrder", "The parts must be listed in ascending order, each once.")
    chosen = [parts[number] for number, etag in wanted if number in parts and parts[number].etag == etag]
    if len(chosen) != len(wanted):
        raise S3Error("InvalidPart", "A part was not uploaded, or has another ETag.")
    if any(part.size < _MIN_PART_BYTES for part in chosen[:-1]):
        raise S3Error("EntityTooSmall", f"Each part but the last must have {_MIN_PART_BYTES} bytes.")
    return chosen


async def _joined(call: Call, sources: Sequence[tuple[BinaryIO, int, int]]) -> tuple[Path, str]:
    """Write ranges of files one after the other into a new one; return it and its MD5."""
    path = call.index.new_file()

    def join() -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("xb") as target:
            for source, start, count in sources:
                source.seek(start)
                while count and (piece := source.read(min(count, 1 << 20))):
                    count -= target.write(piece)
                    digest.update(piece)
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()

    try:
        return path, await asyncio.to_thread(join)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        for source, _, _ in sources:
            source.close()
