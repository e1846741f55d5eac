"""A file on the scratch disk, unpacked, and streams as pieces of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from eventing.catalogue import DataWarning
from functions.data_files.limits import Limits
from functions.data_files.object_keys import Format
from functions.data_files.unpack import CHUNK


@dataclass(frozen=True)
class Spooled:
    """A file on the scratch disk. For text: UTF-8 without a byte order mark; `quotes` counts `"`.

    What Parquet unpacks to only its reader sees, so `limits` go with it. `delimiter` is known where the file
    was no CSV before.
    """

    path: Path
    format: Format
    size: int
    limits: Limits
    encoding: str = "utf-8"
    longest_line: int = 0
    quotes: int = 0
    delimiter: str | None = None
    warnings: tuple[DataWarning, ...] = ()


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """Read a stream piece by piece."""
    while chunk := stream.read(CHUNK):
        yield chunk


def chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Put a piece before the others."""
    if first:
        yield first
    yield from rest
