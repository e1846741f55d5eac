"""Unpacks gzip piece by piece, so that a bomb cannot fill memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from functions.ingest_data.refusal import refuse

GZIP = b"\x1f\x8b"


def unpack(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield what gzip packed, also several members, in pieces of at most `size` bytes.

    Raises:
        FileRefused: it is damaged, or cut off.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for packed in chunks:
            pending = packed
            while pending:
                if unpacker.eof:
                    pending = pending.lstrip(b"\0")  # padding between or after members
                    if not pending:
                        break
                    unpacker = zlib.decompressobj(wbits=31)
                if piece := unpacker.decompress(pending, size):
                    yield piece
                pending = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        if not unpacker.eof:
            raise refuse(
                "the gzip file ends too early", "the end", "it was cut off", "drop the whole file again"
            )
    except zlib.error as error:
        raise refuse("broken gzip", "the file", f"it cannot be unpacked: {error}", "pack it again") from error
