"""One request whose signature was right, as the operations see it."""

from __future__ import annotations

import io
import os
import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from aiohttp import web

from kascade.system.stores.s3.body import Received, receive
from kascade.system.stores.s3.documents import Content, document
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry, Index
from kascade.system.stores.s3.signing import Signature

_MAX_DOCUMENT_BYTES = 2 << 20
_QUICK_BYTES = 1 << 18
KEPT = ("Cache-Control", "Content-Disposition", "Content-Language", "Content-Type", "Expires")
"""The headers of a request that an object keeps, beside Content-Encoding and the client's own."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Call:
    """A request about a bucket, a key in it, or neither."""

    request: web.BaseRequest
    signature: Signature
    index: Index
    bucket: str
    key: str
    query: dict[str, str]

    def header(self, name: str) -> str | None:
        """Return a header as text."""
        value = self.request.headers.get(name)
        return value and value.encode(errors="surrogateescape").decode(errors="replace")

    def kept_headers(self) -> dict[str, str]:
        """Return the headers that the object will have."""
        kept = {name: value for name in KEPT if (value := self.header(name)) is not None}
        kept |= {
            name.lower(): self.header(name) or ""
            for name in self.request.headers
            if name.lower().startswith("x-amz-meta-")
        }
        encodings = [each.strip() for each in (self.header("Content-Encoding") or "").split(",")]
        if left := ", ".join(each for each in encodings if each and each != "aws-chunked"):
            kept["Content-Encoding"] = left
        return kept

    def need_object(self, bucket: str, key: str) -> Entry:
        """Return an object. Raises: S3Error: it is not there."""
        entry = self.index.find(bucket, key)
        if entry is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.")
        return entry

    async def document(self) -> bytes:
        """Read the body as a whole. Raises: S3Error."""
        file = io.BytesIO()
        request = self.request
        await receive(request.content, request.headers, self.signature, file, _MAX_DOCUMENT_BYTES)
        return file.getvalue()

    @asynccontextmanager
    async def written(self) -> AsyncIterator[tuple[Path, Received]]:
        """Write the body to a file that stays unless the block raises. Raises: S3Error."""
        path = self.index.new_file()
        try:
            with path.open("xb") as file:
                received = await receive(self.request.content, self.request.headers, self.signature, file)
                if received.size > _QUICK_BYTES:
                    await to_thread(os.fsync, file.fileno())
                else:  # a thread would take longer
                    os.fsync(file.fileno())
            yield path, received
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def split_path(path: bytes) -> tuple[str, str]:
    """Split a decoded path into bucket and key, both empty where it has none.

    The forms of keys that MinIO refuses are refused too: what works on a laptop works on a cluster.

    Raises:
        S3Error: there can be no such bucket or key.
    """
    try:
        bucket, _, key = path.decode().removeprefix("/").partition("/")
    except UnicodeDecodeError as error:
        raise S3Error("InvalidURI", "The path is not UTF-8.") from error
    if bucket and not _BUCKET.fullmatch(bucket):
        raise S3Error("InvalidBucketName", "The specified bucket is not valid.")
    if len(key.encode()) > 1024:
        raise S3Error("KeyTooLongError", "A key may have 1024 bytes.")
    parts = key.removesuffix("/").split("/")
    if key and ("\0" in key or {"", ".", ".."} & set(parts)):
        raise S3Error("XMinioInvalidObjectName", "Object name contains unsupported characters.")
    return bucket, key


def copy_source(value: str) -> tuple[str, str]:
    """Read `x-amz-copy-source`. Raises: S3Error."""
    path, _, query = value.partition("?")
    need_null_version(query.removeprefix("versionId="))
    bucket, key = split_path(unquote_to_bytes(path))
    if not key:
        raise S3Error("InvalidArgument", "x-amz-copy-source must name a bucket and a key.")
    return bucket, key


def need_null_version(version: str) -> None:
    """Refuse any version but the one that there is. Raises: S3Error."""
    if version not in ("", "null"):
        raise S3Error(
            "NoSuchVersion", "The specified version does not exist: this store keeps one of each object."
        )


def answer(name: str, content: Sequence[tuple[str, Content]]) -> web.Response:
    """Answer with a document."""
    return web.Response(body=document(name, content), content_type="application/xml")
