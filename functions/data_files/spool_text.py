"""Brings text to the scratch disk as UTF-8, its lines measured, and says whether it is JSON."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from eventing.catalogue import DataWarning
from functions.data_files.data_warnings import warning
from functions.data_files.encodings import guess_encoding
from functions.data_files.object_keys import Format
from functions.data_files.refusal import FileRefused, refuse
from functions.data_files.spooled import Spooled, chained, chunks_of
from functions.data_files.unpack import CHUNK

_JSON_ROWS = re.compile(rb"\s*(\[\s*[{\[\]]|\{\s*\")")
_BY_ROWS = 'df.to_json("data.jsonl", orient="records", lines=True)'
_UTF8_LETTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf](?![\x80-\xff])|[\xe0-\xef][\x80-\xbf]{2}")
_BOMS = {  # the longer first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}


def spool_text(
    chunks: Iterator[bytes],
    first: bytes,
    folder: Path,
    empty: Spooled,
    encoding: str | None,
) -> Spooled:
    """Write text into `folder` as UTF-8 without a byte order mark.

    Args:
        chunks: the text's bytes, `first` the beginning of them.
        empty: the result, to be filled in; one with a delimiter is CSV, whatever it looks like.
        encoding: what the spec says; None detects it.

    Raises:
        FileRefused: no text, of no known encoding, or a line is too long.
    """
    mark = next((mark for mark in _BOMS if first.startswith(mark)), b"")
    known = _BOMS.get(mark) or encoding
    if mark:
        chunks = chained(next(chunks)[len(mark) :], chunks)
    raw = folder / "raw"
    if known in (None, "utf-8"):
        probe = _Utf8Probe()
        spooled = _write_text(probe.watch(chunks), empty)
        if probe.broken_at is None:
            return spooled
        spooled.path.rename(raw)
        around = _around(raw, probe.broken_at)
        found = encoding or guess_encoding(around)
        if found is None or found == "utf-8":
            raise _undecodable(probe.broken_at)
        with raw.open("rb") as stream:
            text = _transcoded(chunks_of(stream), found, empty)
        return (
            text
            if encoding
            else replace(text, warnings=(*text.warnings, _guessed(found, probe.broken_at, around)))
        )
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


def _guessed(encoding: str, position: int, around: bytes) -> DataWarning:
    problem = f"the text is no UTF-8 (byte {position}) and is read as {encoding}, which is a guess"
    if both := _UTF8_LETTER.search(around):
        problem += (
            f"; some of it looks like UTF-8, which that makes {both[0].decode(encoding, 'replace')!r} of"
        )
        return warning(problem, fix="save the file in one encoding, best in UTF-8")
    return warning(
        problem, fix=f"`ingest: {{encoding: {encoding}}}` if it is right, else the one it was saved in"
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
    first = next((chunk for chunk in chunks if chunk), b"")
    format_ = empty.format if empty.delimiter else _text_format(first, empty.format)
    fix = "check that lines end with a line feed, and that it is CSV or JSON Lines"
    if format_ is not Format.CSV:
        fix = f"write one object per line, for example with {_BY_ROWS}"
    # The records of an array are measured where they are read: the whole array may be one line.
    lines = _LineMeter(empty.limits.max_line_bytes if format_ is not Format.JSON_ARRAY else None, fix)
    size = quotes = 0
    with empty.path.open("wb") as out:
        for chunk in chained(first, chunks):
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
    if lines.only_returns:
        _end_lines_with_feeds(empty.path)
    return replace(empty, format=format_, size=size, longest_line=lines.finish(), quotes=quotes)


def _text_format(first: bytes, named: Format) -> Format:
    """Say by its beginning whether text holds JSON, whatever its name says."""
    found = _JSON_ROWS.match(first)
    if found is None:
        return named
    return Format.JSON_ARRAY if found[1].startswith(b"[") else Format.JSON_LINES


def _end_lines_with_feeds(path: Path) -> None:
    """Replace carriage returns, each of which ends a line, in place."""
    with path.open("r+b") as file:
        while chunk := file.read(CHUNK):
            file.seek(-len(chunk), 1)
            file.write(chunk.replace(b"\r", b"\n"))


class _LineMeter:
    """Measures the longest line and refuses one beyond the limit as soon as it is.

    `only_returns` says that lines end with carriage returns, and none with a line feed.
    """

    def __init__(self, limit: int | None, fix: str) -> None:
        self._limit = limit
        self._fix = fix
        self.only_returns = False
        self._feeds = False
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
        self._feeds = self._feeds or b"\n" in chunk
        self.only_returns = not self._feeds
        self._check(self._open + start)
        # A line inside one chunk is no longer than the chunk: exact enough for the size of a reader's blocks.
        self._longest = max(self._longest, self._open + start, end - start)
        self._open = len(chunk) - end - 1
        self._done += 1

    def finish(self) -> int:
        return max(self._longest, self._open)

    def _check(self, length: int) -> None:
        if self._limit is not None and length > self._limit:
            raise refuse(
                "a line is too long",
                "a line" if self._done else "the first line",
                f"it has more than {self._limit} bytes (MAX_LINE_BYTES)",
                self._fix,
            )


def _around(path: Path, position: int, span: int = 128 * 1024) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(0, position - span // 2))
        return stream.read(span)
