"""JSON Lines files at ingest_data."""

from __future__ import annotations

from fuzz.targets._ingest import read

SEEDS = [
    b'{"a": 1, "b": "x", "t": "2026-01-01", "y": 0}\n' * 3
    + b'{"a": 2.5, "b": null, "t": 1767225600, "y": 1}\n',
    b'{"a": {"n": [1]}, "b": true, "y": 1}\n{"y": 2, "c": "\\ud83d\\ude00"}\n\n{"y": "3"}\n',
    b'[{"a": 1, "y": 2}, {"a": 2, "y": 3}]',
    b"".join(b'{"k%d": 1, "y": %d}\n' % (number, number) for number in range(60)),
]
TOKENS = [
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"1e400",
    b"NaN",
    b"-0",
    b'"y":',
]


def run(data: bytes) -> None:
    """Read the file."""
    read(data, "data.jsonl")
