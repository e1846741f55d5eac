"""Finds the one table in a ZIP archive. Only its directory is held in memory, and that is bounded."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from functions.data_files.refusal import FileRefused, clip, refuse
from functions.data_files.unpack import CHUNK, Chunks

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins an empty one
_DIRECTORY = 2 << 20
_DOCUMENTS = {
    "xl/workbook.bin": ("a binary Excel workbook", "save it as .xlsx or CSV"),
    "word/document.xml": ("a Word document", "drop CSV, Parquet or JSON Lines"),
    "ppt/presentation.xml": ("a presentation", "drop CSV, Parquet or JSON Lines"),
    "mimetype": ("an OpenDocument file", "save the sheet as .xlsx or CSV"),
}
_WORKBOOK = "xl/workbook.xml"
# zipfile raises the last one for a way of packing, or an encryption, that it does not know.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)


class BoundedReads:
    """A file that refuses to read a directory of over 2 MiB at once, which would fill memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read some bytes. Raises: zipfile.BadZipFile: so many are wanted at once."""
        if size > _DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Say where it is."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Say that it can move."""
        return True


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises:
        FileRefused: it is damaged, also where that shows while it is read, or its directory is too large.
    """
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(cast(IO[bytes], BoundedReads(stream))) as archive:
                yield archive
        except _DAMAGE as error:
            raise _broken(error) from error


def _broken(error: Exception) -> FileRefused:
    return refuse(
        "broken ZIP archive",
        "the file",
        f"it cannot be unpacked: {error}"[:200],
        "pack it again, or drop the whole file if it was cut off",
    )


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Say whether the archive is an Excel workbook.

    Raises:
        FileRefused: it is another kind of document.
    """
    names = set(archive.namelist())
    for name, (what, fix) in _DOCUMENTS.items():
        if name in names:
            raise refuse(f"the file is {what}", "the archive", f"it holds {name}", fix)
    return _WORKBOOK in names


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file in an archive besides hidden ones and folders.

    Raises:
        FileRefused: there is none, there are several, or it is encrypted.
    """
    members = [each for each in archive.infolist() if not each.is_dir() and not _hidden(each.filename)]
    if len(members) != 1:
        names = ", ".join(clip(each.filename, 60) for each in members[:5])
        listed = f"{len(members)} files: {names}" + (", …" if len(members) > 5 else "")
        raise refuse(
            "the ZIP archive does not hold exactly one table",
            "the archive",
            listed if members else "it holds no file",
            "drop each file by itself, or pack only one; each becomes a part of the dataset",
        )
    if members[0].flag_bits & 1:
        raise refuse(
            "the ZIP archive is encrypted", clip(members[0].filename, 80), "it needs a password", "unpack it"
        )
    return members[0]


def _hidden(name: str) -> bool:
    return any(step.startswith((".", "_")) for step in name.split("/"))


def member_chunks(path: Path, name: str) -> Chunks:
    """Yield the content of a member. Raises: FileRefused: it is damaged."""
    with opened(path) as archive, archive.open(name) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
