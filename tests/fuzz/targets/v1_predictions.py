"""Bodies of v1 predictions (TensorFlow Serving's protocol)."""

from __future__ import annotations

from fuzz.targets._predictions import ask

SEEDS = [
    b'{"instances": [[1.5, "DE", true], [null, "", false]]}',
    b'{"instances": [{"amount": 1, "country": "FR", "active": 1, "who": 7}], "parameters": {"x": 1}}',
    b'{"inputs": {"amount": [1, 2], "country": ["DE", null], "active": [true, false]}}',
]
TOKENS = [
    b"\xef\xbb\xbf",
    b'"33.5"',
    b'"88,5"',
    b"1e999",
    b"NaN",
    b'{"b64": "AA=="}',
    b"[]",
    b"{}",
    b"null",
    b"\\ud800",
]


def run(data: bytes) -> None:
    """Ask."""
    ask("/v1/models/churn:predict", data, {})
