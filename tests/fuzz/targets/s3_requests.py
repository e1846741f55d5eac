"""Requests to the embedded store, rightly signed unless the first line begins with `!`."""

from __future__ import annotations

import hashlib
import hmac
import socket
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from fuzz.targets._http import split
from fuzz.targets._logs import Logged
from fuzz.targets._server import Served

from kascade.system.stores.s3.index import Index
from kascade.system.stores.s3.server import Server
from kascade.system.stores.s3.signing import Keys, Target

_DELETE = (
    b"<Delete><Object><Key>a</Key></Object><Object><Key>m/&lt;</Key></Object><Quiet>true</Quiet></Delete>"
)
_PARTS = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>9dd4e461268c8034f5c8564e155c67a6</ETag></Part></CompleteMultipartUpload>"
_UNSIGNED = b"x-amz-content-sha256: UNSIGNED-PAYLOAD\n"
_TRAILER = b"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-trailer: x-amz-checksum-crc32\n"
SEEDS = [
    b"PUT /raw/m/a.csv\n" + _UNSIGNED + b"if-none-match: x\nx-amz-meta-a: b\n\ncontent",
    b"PUT /raw/m/b.csv\n" + _UNSIGNED + b"x-amz-copy-source: /raw/m/a.csv?versionId=null\n\n",
    b"PUT /raw/c\n"
    + _TRAILER
    + b"x-amz-decoded-content-length: 3\n\n3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n",
    b"GET /raw/m/a.csv?response-content-type=text%2Fcsv\nrange: bytes=0-3\nif-modified-since: Sat, 29 Oct 1994 19:43:31 GMT\n\n",
    b"GET /raw?list-type=2&prefix=m%2F&delimiter=%2F&max-keys=2&encoding-type=url&start-after=a\n\n",
    b"GET /raw?marker=a&continuation-token=YQ==&uploads=&key-marker=x\n\n",
    b"POST /raw?delete\n" + _UNSIGNED + b"\n" + _DELETE,
    b"PUT /raw/p?uploadId=UPLOAD&partNumber=1\n" + _UNSIGNED + b"\nx",
    b"POST /raw/p?uploadId=UPLOAD\n" + _UNSIGNED + b"\n" + _PARTS,
    b"HEAD /raw/m/a.csv\n\n",
    b"DELETE /raw/m/a.csv?versionId=null\n\n",
    b"!GET /raw/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=access%2F20260101%2Fx%2Fs3%2Faws4_request&X-Amz-Date="
    b"20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00\n\n",
    b"!PUT /raw/a\nauthorization: AWS4-HMAC-SHA256 Credential=access/20260101/x/s3/aws4_request, SignedHeaders=host, "
    b"Signature=0000000000000000000000000000000000000000000000000000000000000000\nx-amz-date: 20260101T000000Z\n\n",
]
TOKENS = [
    b"%00",
    b"%2e%2e/",
    b"%F4%8F%BF%BF",
    b"%ED%A0%80",
    b"bytes=",
    b"bytes=-",
    b"<!DOCTYPE a [",
    b"<!ENTITY a 'b'>",
    b"&a;",
]
TOKENS += [
    b"list-type=2",
    b"uploads",
    b"uploadId=",
    b"acl",
    b"x-amz-copy-source-range: bytes=0-1\n",
    b"\xff\xfe<\0",
    b"?",
    b"&",
]
TOKENS += [
    b"x-amz-decoded-content-length: ",
    b"transfer-encoding: chunked\n",
    b"expect: 100-continue\n",
    b"-1\r\n",
    b"0\r\n",
]

_LOGGED = Logged()


@cache
def _server() -> Served:
    async def make(listener: socket.socket) -> None:
        index = Index(Path(tempfile.mkdtemp(prefix="fuzz-")))
        handler = web.Server(
            Server(index, Keys("access", "secret")).handle, access_log=None, auto_decompress=False
        )
        runner = web.ServerRunner(handler)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        index.make_bucket("raw")

    return Served(make)


def run(data: bytes) -> None:
    """Send a request; what the store does not know is 501, and nothing else is a 5xx."""
    _LOGGED.forget()
    first, _, rest = data.partition(b"\n")
    headers, body = split(rest)
    server = _server()
    line = first.removeprefix(b"!")
    if b"UPLOAD" in line:
        line = line.replace(b"UPLOAD", _upload(server))
    if not first.startswith(b"!"):
        headers = _signed(line, headers)
    headers = [(b"host", b"store"), *headers] if b"host" not in dict(headers) else headers
    status, said = server.ask(line + b" HTTP/1.1", headers, body)
    if line.startswith(b"DELETE /raw"):
        server.ask(b"PUT /raw HTTP/1.1", _signed(b"PUT /raw", []), b"")
    if status >= 500 and status != 501:
        _LOGGED.refuse((status, said[:500]))


def _upload(server: Served) -> bytes:
    """Begin an upload of `/raw/p` with one part, whose content is `x`; return its id."""
    begin = b"POST /raw/p?uploads"
    _, said = server.ask(begin + b" HTTP/1.1", _signed(begin, []), b"")
    upload = said.partition(b"<UploadId>")[2].partition(b"<")[0]
    part = b"PUT /raw/p?partNumber=1&uploadId=" + upload
    server.ask(part + b" HTTP/1.1", _signed(part, [(b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")]), b"x")
    return upload


def _signed(line: bytes, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Sign a request as a client does that sends just these bytes."""
    method, _, path = line.decode("utf-8", "surrogateescape").partition(" ")
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    content = dict(headers).get(b"x-amz-content-sha256", hashlib.sha256().hexdigest().encode())
    headers = [
        (name, value) for name, value in headers if name not in (b"x-amz-content-sha256", b"x-amz-date")
    ]
    headers += [(b"host", b"store"), (b"x-amz-date", moment.encode()), (b"x-amz-content-sha256", content)]
    try:
        target = Target.of(path)
        pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in target.query)
    except UnicodeEncodeError:
        return headers
    names = sorted({name.decode("latin-1") for name, _ in headers if name.startswith((b"x-amz-", b"host"))})
    values = [b",".join(value for name, value in headers if name == each.encode("latin-1")) for each in names]
    lines = [method, quote(target.path, safe="/-_.~"), "&".join(f"{name}={value}" for name, value in pairs)]
    canonical = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
    for name, value in zip(names, values, strict=True):
        canonical += name.encode("latin-1") + b":" + b" ".join(value.split()) + b"\n"
    canonical += b"\n" + ";".join(names).encode("latin-1") + b"\n" + content
    scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
    key = b"AWS4secret"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    said = (
        f"AWS4-HMAC-SHA256 Credential=access/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return [*headers, (b"authorization", said.encode("latin-1", "replace"))]
