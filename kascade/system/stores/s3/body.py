"""Reads a request's body into a file: decoded, and checked against the client's digests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from aiohttp import StreamReader

from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.signing import UNSIGNED, Signature

MAX_BYTES = 5 << 30
_IDLE_S = 60.0
_PIECE_BYTES = 1 << 18
_CHECKSUM = "x-amz-checksum-"
_MAX_TRAILERS = 16
_EMPTY_SHA256 = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class Received:
    """What was written."""

    size: int
    md5: bytes


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


async def receive(
    stream: StreamReader,
    headers: Mapping[str, str],
    signature: Signature,
    file: BinaryIO,
    max_bytes: int = MAX_BYTES,
) -> Received:
    """Write the body's content into `file`.

    CRC-32C and CRC-64/NVME are not checked: Python has neither.

    Raises:
        S3Error: it is not what its length, digests or signatures say, it is too large, or it stopped coming.
    """
    trailers: dict[str, str] = {}
    if signature.content.startswith("STREAMING-"):
        chain = signature if "HMAC" in signature.content else None
        pieces = _unchunked(stream, chain, trailers)
    else:
        pieces = _pieces(stream)
    claimed = {name.lower(): value for name, value in headers.items()}
    named = claimed.get("x-amz-trailer", "").lower()
    md5 = hashlib.md5(usedforsecurity=False)
    hashes: dict[str, _Hash] = {"content-md5": md5}
    if not signature.content.startswith("STREAMING-") and signature.content != UNSIGNED:
        hashes["x-amz-content-sha256"] = hashlib.sha256()
    for name, made in (("crc32", _Crc32), ("sha1", _sha1), ("sha256", hashlib.sha256)):
        if (header := _CHECKSUM + name) in claimed or header == named:
            hashes[header] = made()
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise S3Error("EntityTooLarge", f"One request takes {max_bytes} bytes; send an object in parts.")
        for each in hashes.values():
            each.update(piece)
        file.write(piece)
    file.flush()
    if claimed.get("x-amz-decoded-content-length", str(size)) != str(size):
        raise S3Error("IncompleteBody", "The body has not the length that x-amz-decoded-content-length says.")
    if named and named not in trailers:
        raise S3Error("MalformedTrailerError", f"The trailer {named} did not come.")
    _compare(hashes, claimed | trailers)
    return Received(size, md5.digest())


def _sha1() -> _Hash:
    return hashlib.sha1(usedforsecurity=False)


def _compare(hashes: Mapping[str, _Hash], claimed: Mapping[str, str]) -> None:
    for name, found in hashes.items():
        expected = claimed.get(name)
        if name == "x-amz-content-sha256" and expected != found.digest().hex():
            raise S3Error("XAmzContentSHA256Mismatch", f"The body has not the digest that {name} says.")
        if (
            name != "x-amz-content-sha256"
            and expected
            and expected != base64.b64encode(found.digest()).decode()
        ):
            raise S3Error("BadDigest", f"The body has not the digest that {name} says.")


async def _pieces(stream: StreamReader, count: int | None = None) -> AsyncIterator[bytes]:
    """Yield what comes, up to `count` bytes."""
    while count is None or count > 0:
        async with asyncio.timeout(_IDLE_S):
            piece = await stream.read(min(_PIECE_BYTES, count or _PIECE_BYTES))
        if not piece:
            break
        if count is not None:
            count -= len(piece)
        yield piece
    if count:
        raise S3Error("IncompleteBody", "The body ended within a chunk.")


async def _unchunked(
    stream: StreamReader, chain: Signature | None, trailers: dict[str, str]
) -> AsyncIterator[bytes]:
    """Yield the content of a body in `aws-chunked` encoding, and leave its trailer in `trailers`."""
    size = -1
    while size:
        head, _, extension = (await _line(stream)).partition(";")
        try:
            size = int(head.strip(), 16)
        except ValueError as error:
            raise S3Error("IncompleteBody", "A chunk does not start with its length.") from error
        digest = hashlib.sha256()
        async for piece in _pieces(stream, size):
            if chain:
                digest.update(piece)
            yield piece
        if size and await _line(stream):
            raise S3Error("IncompleteBody", "A chunk is longer than it says.")
        if chain:
            claimed = extension.strip().removeprefix("chunk-signature=")
            chain.follow("PAYLOAD", [_EMPTY_SHA256, digest.hexdigest()], claimed)
    await _read_trailers(stream, chain, trailers)


async def _read_trailers(stream: StreamReader, chain: Signature | None, trailers: dict[str, str]) -> None:
    signed, count = "", 0
    while line := await _line(stream):
        count += 1
        if count > _MAX_TRAILERS:
            raise S3Error("MalformedTrailerError", f"A body may have {_MAX_TRAILERS} trailers.")
        name, _, value = line.partition(":")
        trailers[name.strip().lower()] = value.strip()
        if name != "x-amz-trailer-signature":
            signed += f"{name}:{value}\n"
    if chain and signed:
        claimed = trailers.get("x-amz-trailer-signature", "")
        chain.follow("TRAILER", [hashlib.sha256(signed.encode()).hexdigest()], claimed)


async def _line(stream: StreamReader) -> str:
    try:
        async with asyncio.timeout(_IDLE_S):
            return (await stream.readline()).rstrip(b"\r\n").decode("latin-1")
    except ValueError as error:
        raise S3Error("IncompleteBody", "A line between the chunks is too long.") from error
