"""Inputs that stand for an HTTP message: lines of headers, an empty line, a body."""

from __future__ import annotations


def split(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers with lower-case names, as they came, and the body."""
    head, _, body = (b"", b"", data[1:]) if data.startswith(b"\n") else data.partition(b"\n\n")
    pairs = (line.partition(b":") for line in head.split(b"\n") if line)
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs], body
