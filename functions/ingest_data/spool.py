"""Brings a file to the scratch disk: unpacked, as UTF-8, its size and its lines bounded.

Nothing here holds more than a few MiB in memory, whatever the file: a single 2 GB line, a gzip bomb.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from functions.ingest_data.encodings import guess_encoding
from functions.ingest_data.gunzip import GZIP, unpack
from functions.ingest_data.object_keys import Format
from functions.ingest_data.refusal import FileRefused, refuse
from functions.ingest_data.settings import Settings

CHUNK = 256 << 10
_PARQUET = b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": (
        "a ZIP archive or an Excel workbook",
        "export it as CSV, or unpack it and drop what is in it",
    ),
    b"%PDF": ("a PDF", "drop CSV, Parquet or JSON Lines"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "export it as CSV"),
    b"BZh": ("a bzip2 archive", "unpack it, or pack it with gzip"),
    b"\xfd7zXZ": ("an xz archive", "unpack it, or pack it with gzip"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", "unpack it, or pack it with gzip"),
    b"SQLite format 3": ("a SQLite database", "export the table as CSV"),
}
_BOMS = {  # the longer first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}


@dataclass(frozen=True)
class Spooled:
    """A file on the scratch disk. For text: UTF-8 without a byte order mark; `quotes` counts `"`.

    What Parquet unpacks to only its reader sees, so `limits` go with it.
    """

    path: Path
    format: Format
    size: int
    limits: Settings
    encoding: str = "utf-8"
    longest_line: int = 0
    quotes: int = 0


def spool(
    source: BinaryIO, folder: Path, format_: Format, limits: Settings, *, encoding: str | None
) -> Spooled:
    """Copy a stream into `folder`.

    Args:
        source: the object as it was dropped.
        folder: an empty folder on the scratch disk.
        format_: what its name says; a gzip or Parquet signature in the content counts for more.
        limits: bounds of size and line length, in bytes.
        encoding: what the spec says; None detects it.

    Raises:
        FileRefused: empty, not of the format, too large, a line too long, not text.
    """
    chunks = _read(source)
    first = next(chunks, b"")
    if first.startswith(GZIP):
        chunks = unpack(_chain(first, chunks), CHUNK)
        first = next(chunks, b"")
    if not first:
        raise refuse(
            "the file is empty", "the file", "it has no bytes", "drop it again with a header and rows"
        )
    _check_signature(first)
    bounded = _bounded(_chain(first, chunks), limits.max_file_bytes)
    path = folder / "content"
    if first.startswith(_PARQUET):
        return Spooled(path, Format.PARQUET, _write(bounded, path), limits)
    if format_ is Format.PARQUET:
        raise refuse("not a Parquet file", "the first bytes", "they are not PAR1", "check how it was written")
    return _spool_text(bounded, first, folder, Spooled(path, format_, 0, limits), encoding)


def _spool_text(
    chunks: Iterator[bytes],
    first: bytes,
    folder: Path,
    empty: Spooled,
    encoding: str | None,
) -> Spooled:
    mark = next((mark for mark in _BOMS if first.startswith(mark)), b"")
    known = _BOMS.get(mark) or encoding
    if mark:
        chunks = _chain(next(chunks)[len(mark) :], chunks)
    raw = folder / "raw"
    if known in (None, "utf-8"):
        probe = _Utf8Probe()
        spooled = _write_text(probe.watch(chunks), empty)
        if probe.broken_at is None:
            return spooled
        spooled.path.rename(raw)
        found = encoding or guess_encoding(_around(raw, probe.broken_at))
        if found is None or found == "utf-8":
            raise _undecodable(probe.broken_at)
        with raw.open("rb") as stream:
            return _transcoded(_read(stream), found, empty)
    return _transcoded(chunks, str(known), empty)


def _transcoded(chunks: Iterator[bytes], encoding: str, empty: Spooled) -> Spooled:
    decoder = codecs.getincrementaldecoder(encoding)()

    def decoded() -> Iterator[bytes]:
        done = 0
        try:
            for chunk in chunks:
                yield decoder.decode(chunk).encode("utf-8")
                done += len(chunk)
            yield decoder.decode(b"", final=True).encode("utf-8")
        except UnicodeError as error:
            raise refuse(
                "wrong encoding",
                f"after byte {done}",
                f"not {encoding} text: {error}"[:200],
                "set ingest.encoding in model.yaml to what it was saved in, or save it as UTF-8",
            ) from error

    return replace(_write_text(decoded(), empty), encoding=encoding)


def _undecodable(position: int) -> FileRefused:
    return refuse(
        "unknown encoding",
        f"byte {position}",
        "not UTF-8, and no other encoding fits well enough to guess",
        "save the file as UTF-8, or set ingest.encoding in model.yaml, for example to cp1252",
    )


class _Utf8Probe:
    """Watches bytes go by and remembers where they stop being UTF-8."""

    def __init__(self) -> None:
        self.broken_at: int | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        done = 0
        for chunk in chunks:
            if self.broken_at is None:
                self._try(decoder, chunk, done, final=False)
            done += len(chunk)
            yield chunk
        if self.broken_at is None:
            self._try(decoder, b"", done, final=True)

    def _try(self, decoder: codecs.IncrementalDecoder, chunk: bytes, done: int, *, final: bool) -> None:
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            self.broken_at = done - held + error.start


def _write_text(chunks: Iterator[bytes], empty: Spooled) -> Spooled:
    lines = _LineMeter(empty.limits.max_line_bytes)
    size = quotes = 0
    with empty.path.open("wb") as out:
        for chunk in chunks:
            if (nul := chunk.find(b"\0")) >= 0:
                raise refuse(
                    "not a text file",
                    f"byte {size + nul}",
                    "a NUL byte",
                    "drop CSV, Parquet or JSON Lines; UTF-16 needs a byte order mark or ingest.encoding",
                )
            lines.feed(chunk)
            quotes += chunk.count(b'"')
            size += len(chunk)
            out.write(chunk)
    if not size:
        raise refuse(
            "the file is empty", "the file", "it has no text", "drop it again with a header and rows"
        )
    return replace(empty, size=size, longest_line=lines.finish(), quotes=quotes)


class _LineMeter:
    """Measures the longest line and refuses one beyond the limit as soon as it is."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = 0
        self._done = 0
        self._longest = 0

    def feed(self, chunk: bytes) -> None:
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        if end < 0:
            self._open += len(chunk)
            self._check(self._open)
            return
        start = min(at for at in (chunk.find(b"\n"), chunk.find(b"\r")) if at >= 0)
        self._check(self._open + start)
        # Lines inside one chunk are no longer than it, and that is exact enough to size a reader's blocks.
        self._longest = max(self._longest, self._open + start, end - start)
        self._open = len(chunk) - end - 1
        self._done += 1

    def finish(self) -> int:
        return max(self._longest, self._open)

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise refuse(
                "a line is too long",
                "a line" if self._done else "the first line",
                f"it has more than {self._limit} bytes (MAX_LINE_BYTES)",
                "check that lines end with a line feed, and that it is CSV or JSON Lines",
            )


def _check_signature(first: bytes) -> None:
    for signature, (what, fix) in _FOREIGN.items():
        if first.startswith(signature):
            raise refuse(f"the file is {what}", "the first bytes", f"the signature of {what}", fix)
    start = first[:64].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refuse(
            "the file is a web page or XML",
            "the first line",
            "it starts with a tag",
            "did the download answer with an error page? drop CSV, Parquet or JSON Lines",
        )


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _bounded(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        if done > limit:
            raise refuse(
                "the file is too large",
                "the file",
                f"more than {limit} bytes unpacked (MAX_FILE_BYTES)",
                "split it into several files; each becomes a part of the dataset",
            )
        yield chunk


def _write(chunks: Iterator[bytes], path: Path) -> int:
    size = 0
    with path.open("wb") as out:
        for chunk in chunks:
            size += out.write(chunk)
    return size


def _around(path: Path, position: int, span: int = 128 * 1024) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(0, position - span // 2))
        return stream.read(span)
