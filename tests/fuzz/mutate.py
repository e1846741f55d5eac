"""Makes inputs from inputs: bytes, tokens of the format, and values of a JSON document."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

MAX_BYTES = 256 << 10
_NUMBERS = [
    b"0",
    b"-1",
    b"255",
    b"256",
    b"65536",
    b"2147483648",
    b"-9223372036854775809",
    b"9223372036854775808",
]
_NUMBERS += [b"18446744073709551616", b"1e308", b"-1e999", b"0.1", b"NaN", b"1_0", b"0x10", "٣".encode()]
_BITS = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    "\U0010ffff".encode(),
    "é".encode(),
    b"%00",
]
_BITS += [
    b"%ff",
    b"%",
    b"\r\n",
    b"\n",
    b"\t",
    b'"',
    b"'",
    b"\\",
    b"\\ud800",
    b"\x1b[2J",
    b" ",
    b"",
    b"../",
    b"/",
]
_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    0.5,
    -0.0,
    1e308,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
]
_VALUES += [
    10**400,
    "",
    " ",
    "\0",
    "é",
    "\ud800",
    "a" * 5000,
    "1",
    "NaN",
    "null",
    "s3://",
    "s3://x",
    "file:///x",
]
_VALUES += [
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30",
    "../../x",
    "0" * 64,
    [],
    {},
]
_VALUES += [
    [None],
    [[]],
    {"": None},
    {"a": {"a": {}}},
    ["x"] * 300,
    [1, "x", None],
    float("inf"),
    float("nan"),
]


def mutate(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    """Return another input; the same `chance` gives the same one."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        data = chance.choice(_WAYS)(data, seeds, tokens, chance)
    return data[:MAX_BYTES]


def _bytes(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    return data[:start] + chance.choice((b"", chance.randbytes(1), chance.choice(_BITS))) + data[end:]


def _token(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    return data[:start] + chance.choice(tokens or _BITS) + data[chance.choice((start, end)) :]


def _number(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data + chance.choice(_NUMBERS)
    at = chance.choice(found)
    return data[: at.start()] + chance.choice(_NUMBERS) + data[at.end() :]


def _repeat(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    times = chance.choice((2, 2, 3, 10, 100, 2_000, 20_000))
    return data[:start] + data[start:end] * min(times, MAX_BYTES // (end - start + 1)) + data[end:]


def _splice(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(seeds)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _nest(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(data, chance)
    opening, closing = chance.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"<a>", b"</a>"), (b"NOT ", b""))
    )
    depth = chance.choice((2, 50, 1_000, 30_000))
    return data[:start] + opening * depth + data[start:end] + closing * depth + data[end:]


def _json(data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes], chance: random.Random) -> bytes:
    """Change one value of the JSON document that begins at the first brace or bracket."""
    begins = re.search(rb"[{\[]", data)
    if begins is None:
        return _bytes(data, seeds, tokens, chance)
    try:
        document = json.loads(data[begins.start() :])
        places = _places(document)
        inside, key = chance.choice(places)
    except (ValueError, RecursionError, IndexError):
        return _bytes(data, seeds, tokens, chance)
    match chance.randint(0, 5):
        case 0:
            del inside[key]
        case 1 if isinstance(inside, dict):
            inside[chance.choice(("", "x", "é", "__proto__", key * 2))] = inside[key]
        case 2:
            other_inside, other_key = chance.choice(places)
            inside[key] = json.loads(json.dumps(other_inside[other_key]))
        case _:
            inside[key] = chance.choice(_VALUES)
    return data[: begins.start()] + json.dumps(document).encode()


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        inside = waiting.pop()
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))[:50]
        found += [(inside, key) for key in keys]
        waiting += [inside[key] for key in keys if isinstance(inside[key], dict | list)]
    return found


def _range(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((0, 1, 1, 2, 4, 10, 100)))


_Way = Callable[[bytes, Sequence[bytes], Sequence[bytes], random.Random], bytes]
_WAYS: tuple[_Way, ...] = (
    _bytes,
    _bytes,
    _token,
    _token,
    _number,
    _repeat,
    _splice,
    _nest,
    _json,
    _json,
    _json,
)
