"""What can be asked of uploads in parts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from kascade.system.stores.s3.call import Call, answer, copy_source
from kascade.system.stores.s3.conditions import check_source, check_write, range_of_copy
from kascade.system.stores.s3.documents import Content, parts_to_join, timestamp
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry

_MIN_PART_BYTES = 5 << 20
_MAX_PARTS = 10_000
_PIECE_BYTES = 1 << 20


async def start_upload(call: Call) -> web.Response:
    upload = call.index.start_upload(call.bucket, call.key, call.kept_headers())
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
        return await _copy_part(call, upload, number, source)
    async with call.written() as (path, received):
        call.index.need_upload(upload, call.bucket, call.key)
        etag = received.md5.hex()
        call.index.put_part(upload, number, Entry("", path, received.size, etag, time.time(), {}))
    return web.Response(headers={"ETag": f'"{etag}"'})


async def _copy_part(call: Call, upload: str, number: int, source: str) -> web.Response:
    found = call.need_object(*copy_source(source))
    check_source(call, found)
    start, end = range_of_copy(call, found)
    path, digest = await _joined(call, [(found.file, start, end - start)])
    entry = Entry("", path, end - start, digest, time.time(), {})
    try:
        call.index.need_upload(upload, call.bucket, call.key)
        call.index.put_part(upload, number, entry)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    content = [("LastModified", timestamp(entry.modified)), ("ETag", f'"{digest}"')]
    return answer("CopyPartResult", content)


async def list_parts(call: Call) -> web.Response:
    upload = call.query["uploadId"]
    call.index.need_upload(upload, call.bucket, call.key)
    content: list[tuple[str, Content]] = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload)]
    content.append(("IsTruncated", "false"))
    for number, part in call.index.parts(upload).items():
        shown: list[tuple[str, Content]] = [
            ("PartNumber", number),
            ("LastModified", timestamp(part.modified)),
        ]
        content.append(("Part", [*shown, ("ETag", f'"{part.etag}"'), ("Size", part.size)]))
    return answer("ListPartsResult", content)


async def complete_upload(call: Call) -> web.Response:
    """Join the parts that the client names into the object."""
    upload = call.query["uploadId"]
    headers = call.index.need_upload(upload, call.bucket, call.key)
    wanted = parts_to_join(await call.document())
    check_write(call)
    parts = _chosen(call.index.parts(upload), wanted)
    path, _ = await _joined(call, [(part.file, 0, part.size) for part in parts])
    try:
        check_write(call)
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


async def _joined(call: Call, sources: Sequence[tuple[Path, int, int]]) -> tuple[Path, str]:
    """Write ranges of files one after the other into a new one; return it and its MD5. Raises: S3Error."""
    path = call.index.new_file()

    def join() -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("xb") as target:
            for name, start, count in sources:
                with name.open("rb") as source:
                    source.seek(start)
                    while count and (piece := source.read(min(count, _PIECE_BYTES))):
                        count -= target.write(piece)
                        digest.update(piece)
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()

    try:
        return path, await asyncio.to_thread(join)
    except FileNotFoundError as error:
        path.unlink(missing_ok=True)
        raise S3Error("OperationAborted", "What is copied was replaced meanwhile; try again.") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
