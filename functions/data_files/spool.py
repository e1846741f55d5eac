"""Brings a file to the scratch disk: unpacked, as UTF-8, its size and its lines bounded.

Nothing here holds more than a few MiB in memory, whatever the file: a single 2 GB line, a gzip bomb.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from functions.data_files.archive import ZIP, is_workbook, member_chunks, only_member, opened
from functions.data_files.limits import Limits
from functions.data_files.object_keys import KNOWN_ENDINGS, Format, format_of
from functions.data_files.refusal import clip, refuse
from functions.data_files.spool_text import spool_text
from functions.data_files.spooled import Spooled, chained, chunks_of
from functions.data_files.unpack import Chunks, unpacker_of
from functions.data_files.workbook import Sheet, open_sheet

_PARQUET = b"PAR1"
_LAYERS = 4
_FOREIGN = {
    b"%PDF": ("a PDF", "drop CSV, Parquet or JSON Lines"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save it as .xlsx, or export it as CSV"),
    b"SQLite format 3": ("a SQLite database", "export the table as CSV"),
    b"ARROW1": ("an Arrow (Feather) file", "write it as Parquet"),
    b"ORC": ("an ORC file", "write it as Parquet"),
    b"Obj\x01": ("an Avro file", "write it as Parquet"),
    b"\x89HDF": ("an HDF5 file", "write the table as Parquet"),
    b"\x80\x04\x95": ("a Python pickle", "write the table as Parquet; a pickle is never loaded"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it, or pack it with gzip"),
    b"Rar!": ("a RAR archive", "unpack it, or pack it with gzip"),
}


def spool(
    source: BinaryIO,
    folder: Path,
    format_: Format,
    limits: Limits,
    *,
    encoding: str | None,
    target: str | None = None,
) -> Spooled:
    """Copy a stream into `folder`.

    Args:
        source: the object as it was dropped.
        folder: an empty folder on the scratch disk.
        format_: what its name says; what the content shows counts for more.
        limits: bounds of size and line length, in bytes.
        encoding: what the spec says; None detects it.
        target: the column by which a sheet is chosen from several.

    Raises:
        FileRefused: empty, not of the format, too large, a line too long, not text.
    """
    unpacked = _unpacked(chunks_of(source), folder, format_, limits, target)
    first, chunks, format_ = unpacked.first, unpacked.chunks, unpacked.format
    if not first:
        raise refuse(
            "the file is empty", "the file", "it has no bytes", "drop it again with a header and rows"
        )
    _check_signature(first)
    bounded = _bounded(chained(first, chunks), limits.max_file_bytes)
    path = folder / "content"
    if first.startswith(_PARQUET):
        return Spooled(path, Format.PARQUET, _write(bounded, path), limits)
    if format_ is Format.PARQUET:
        raise refuse("not a Parquet file", "the first bytes", "they are not PAR1", "check how it was written")
    if unpacked.sheet is not None:
        empty = Spooled(path, Format.CSV, 0, limits, delimiter=",")
        return replace(spool_text(bounded, first, folder, empty, "utf-8"), warnings=unpacked.sheet.warnings)
    text = Format.JSON_LINES if format_ is Format.JSON_LINES else Format.CSV
    return spool_text(bounded, first, folder, Spooled(path, text, 0, limits), encoding)


@dataclass(frozen=True)
class _Unpacked:
    """The unpacked content: its beginning, the rest, and the format that its name says."""

    first: bytes
    chunks: Chunks
    format: Format
    sheet: Sheet | None = None


def _unpacked(chunks: Chunks, folder: Path, format_: Format, limits: Limits, target: str | None) -> _Unpacked:
    for layer in range(_LAYERS):
        first = next(chunks, b"")
        unpack = unpacker_of(first)
        if unpack is not None:
            chunks = unpack(chained(first, chunks))
        elif first.startswith(ZIP):
            packed = folder / f"packed-{layer}"
            _write(_bounded(chained(first, chunks), limits.max_file_bytes), packed)
            with opened(packed) as archive:
                member = None if is_workbook(archive) else only_member(archive)
            if member is None:
                sheet = open_sheet(packed, target)
                chunks = sheet.csv()
                return _Unpacked(next(chunks, b""), chunks, Format.CSV, sheet)
            chunks, format_ = member_chunks(packed, member.filename), _format_of_member(member.filename)
        else:
            return _Unpacked(first, chunks, format_)
    raise refuse("the file is packed too often", "the file", f"over {_LAYERS - 1} times", "unpack it")


def _format_of_member(name: str) -> Format:
    found = format_of(name)
    if found is None or found is Format.ZIP:
        raise refuse(
            "what the ZIP archive holds is no kind of file that is read",
            clip(name, 80),
            "its name has no ending that is known",
            f"expected {KNOWN_ENDINGS}",
        )
    return found


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
