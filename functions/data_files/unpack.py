"""Unpacks what a file was packed with, piece by piece, so that a bomb cannot fill memory."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

from functions.data_files.refusal import FileRefused, refuse

CHUNK = 256 << 10
_XZ_MEMORY = 256 << 20

Chunks = Iterator[bytes]


def unpacker_of(first: bytes) -> Callable[[Chunks], Chunks] | None:
    """Return what unpacks a file that begins with these bytes; None when it is not packed."""
    return next((unpack for signature, unpack in _UNPACKERS.items() if first.startswith(signature)), None)


class _Unpacker(Protocol):
    """What bz2 and lzma have."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib in the form of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _unpack(chunks: Chunks, new: Callable[[], _Unpacker], what: str) -> Chunks:
    """Yield what was packed, also as several streams with padding between or after them.

    Raises:
        FileRefused: it is damaged, or cut off.
    """
    unpacker = new()
    try:
        for packed in chunks:
            pending = packed
            while pending or not (unpacker.needs_input or unpacker.eof):
                if unpacker.eof:
                    pending = pending.lstrip(b"\0")
                    if not pending:
                        break
                    unpacker = new()
                if piece := unpacker.decompress(pending, CHUNK):
                    yield piece
                pending = unpacker.unused_data if unpacker.eof else b""
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise _broken(what, error) from error
    if not unpacker.eof:
        raise _cut_off(what)


def _gzip(chunks: Chunks) -> Chunks:
    return _unpack(chunks, _Gzip, "gzip")


def _bzip2(chunks: Chunks) -> Chunks:
    return _unpack(chunks, bz2.BZ2Decompressor, "bzip2")


def _xz(chunks: Chunks) -> Chunks:
    return _unpack(chunks, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), "xz")


def _zstandard(chunks: Chunks) -> Chunks:
    """Yield what Zstandard packed, by Arrow, which holds at most a window of 128 MiB."""
    packed = pa.PythonFile(_Reader(chunks), mode="r")
    with pa.CompressedInputStream(packed, "zstd") as stream:
        while piece := _read(stream):
            yield piece


def _read(stream: pa.CompressedInputStream) -> bytes:
    try:
        found: bytes = stream.read(CHUNK)
    except (OSError, pa.ArrowException) as error:
        raise _cut_off("Zstandard") if "runcated" in str(error) else _broken("Zstandard", error) from error
    return found


class _Reader(io.RawIOBase):
    """Chunks as a file; `read` gives a chunk or what is left of it."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._rest or next(self._chunks, b"")
        size = len(chunk) if size < 0 else size
        self._rest = chunk[size:]
        return chunk[:size]


def _broken(what: str, error: Exception) -> FileRefused:
    return refuse(f"broken {what}", "the file", f"it cannot be unpacked: {error}"[:200], "pack it again")


def _cut_off(what: str) -> FileRefused:
    return refuse(f"the {what} file ends too early", "the end", "it was cut off", "drop the whole file again")


_UNPACKERS: dict[bytes, Callable[[Chunks], Chunks]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\xfd7zXZ\x00": _xz,
    b"\x28\xb5\x2f\xfd": _zstandard,
}
