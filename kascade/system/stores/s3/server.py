"""Takes each request to the operation it asks for."""

from __future__ import annotations

import errno
import logging
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from kascade.system.stores.s3 import buckets, objects, uploads
from kascade.system.stores.s3.call import Call, need_null_version, split_path
from kascade.system.stores.s3.documents import document
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Index
from kascade.system.stores.s3.signing import Keys, Target, verify

Operation = Callable[[Call], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)

# By method and what the query names.
_SERVICE: Mapping[tuple[str, str], Operation] = {("GET", ""): buckets.list_buckets}
_BUCKET: Mapping[tuple[str, str], Operation] = {
    ("PUT", ""): buckets.make_bucket,
    ("HEAD", ""): buckets.head_bucket,
    ("DELETE", ""): buckets.remove_bucket,
    ("GET", ""): buckets.list_objects,
    ("GET", "location"): buckets.locate_bucket,
    ("GET", "versioning"): buckets.get_versioning,
    ("GET", "uploads"): buckets.list_uploads,
    ("POST", "delete"): buckets.remove_objects,
}
_OBJECT: Mapping[tuple[str, str], Operation] = {
    ("GET", ""): objects.get_object,
    ("HEAD", ""): objects.get_object,
    ("PUT", ""): objects.put_object,
    ("DELETE", ""): objects.remove_object,
    ("GET", "tagging"): objects.get_tags,
    ("POST", "uploads"): uploads.start_upload,
    ("PUT", "uploadId"): uploads.put_part,
    ("GET", "uploadId"): uploads.list_parts,
    ("POST", "uploadId"): uploads.complete_upload,
    ("DELETE", "uploadId"): uploads.abort_upload,
}
# What of a query is no name of an operation.
_PARAMETERS = frozenset(
    {"continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker"}
    | {"max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix", "start-after"}
    | {"upload-id-marker", "versionId", "x-id"}
)
# What would be stored otherwise than the client was promised.
_UNKNOWN_HEADERS = (
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-object-lock-",
    "x-amz-tagging",
    "x-amz-write-offset-bytes",
)


@dataclass(frozen=True)
class Server:
    """Answers one request at a time; `handle` is aiohttp's handler."""

    index: Index
    keys: Keys

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens."""
        try:
            return await self._answer(request)
        except S3Error as error:
            return _refusal(request, error)
        except TimeoutError:
            return _refusal(request, S3Error("RequestTimeout", "The body stopped coming."))
        except (ConnectionError, web.RequestPayloadError):
            return _refusal(request, S3Error("IncompleteBody", "The body broke off, or is malformed."))
        except Exception as error:
            _log.exception("%s %s", request.method, request.raw_path)
            code = "StorageFull" if _is_full(error) else "InternalError"
            return _refusal(request, S3Error(code, f"{type(error).__name__}; the store's log says more."))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.raw_path.isascii():
            raise S3Error("InvalidURI", "The address must be percent-encoded.")
        target, headers = Target.of(request.raw_path), _joined(request)
        signature = verify(request.method, target, headers, self.keys, datetime.now(UTC))
        if refused := [name for name in headers if name.startswith(_UNKNOWN_HEADERS)]:
            raise S3Error("NotImplemented", f"This store does not know {', '.join(refused)}.")
        bucket, key = split_path(_bucket_of_host(headers.get("host", "")) + target.path)
        query = dict(target.query)
        need_null_version(query.get("versionId", ""))
        operations = _OBJECT if key else _BUCKET if bucket else _SERVICE
        named = [
            name
            for name in query
            if name not in _PARAMETERS and not name.lower().startswith(("x-amz-", "response-"))
        ]
        operation = operations.get((request.method, named[0] if named else ""))
        if operation is None or len(named) > 1:
            raise S3Error("NotImplemented", f"This store cannot {request.method} {', '.join(named)}.")
        call = Call(request, signature, self.index, bucket, key, query)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await operation(call)


def _joined(request: web.BaseRequest) -> Mapping[str, str]:
    """Return the headers by name in lower case, several of one name joined."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        found[lower] = f"{found[lower]},{value.strip()}" if lower in found else value.strip()
    if "authorization" in found:
        found["Authorization"] = found["authorization"]
    return found


def _bucket_of_host(host: str) -> bytes:
    """Return the bucket, as the beginning of a path, that `<bucket>.localhost` names; else nothing."""
    name, _, domain = host.partition(":")[0].lower().rpartition(".")
    return b"/" + name.encode(errors="replace") if name and domain == "localhost" else b""


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _refusal(request: web.BaseRequest, error: S3Error) -> web.Response:
    content = [("Code", error.code), ("Message", str(error)), ("Resource", request.raw_path)]
    body = document("Error", [*content, ("RequestId", uuid.uuid4().hex)], namespace=False)
    return web.Response(
        status=error.status, body=None if request.method == "HEAD" else body, content_type="application/xml"
    )
