"""Filters of Triggers: compiled or refused; one that is compiled answers for every event."""

from __future__ import annotations

import json

from fuzz.targets import _events

from knative.local.broker.errors import InvalidSpec
from knative.local.broker.filters import parse_filters

_CESQL = (
    "type = 'a.b' AND subject LIKE 'x%_\\\\%'",
    "EXISTS n AND (INT(n) + 3) * -2 / 4 % 3 >= 1 OR NOT BOOL(f)",
    "id IN ('1', 2, TRUE) XOR LENGTH(CONCAT(id, 'é')) != 2",
    "UPPER(TRIM(SUBSTRING(subject, -2, 1))) < LEFT(type, 2) AND ABS(-5) > 4 AND IS_INT(id)",
)
SEEDS = [text.encode() for text in _CESQL] + [
    b'{"filter": {"attributes": {"type": "a.b"}}}',
    b'{"filters": [{"any": [{"exact": {"type": "a"}}, {"not": {"prefix": {"id": "1"}}}]}, {"suffix": {"x": "y"}}]}',
    b'{"filters": [{"all": [{"cesql": "type = \'a\'"}, {"exact": {"subject": "x"}}]}]}',
]
TOKENS = [
    b" AND ",
    b" NOT ",
    b" LIKE ",
    b" IN ",
    b"EXISTS ",
    b"INT(",
    b"BOOL(",
    b"CONCAT_WS(",
    b"REPLACE(",
    b"ABS(",
]
TOKENS += [
    b"0+",
    b"-",
    b"(",
    b")",
    b"2147483648",
    b"-2147483648",
    b"'%%%%%%%%%%'",
    b"/0",
    b"%0",
    b"{}",
    b"''",
]


def run(data: bytes) -> None:
    """Compile a spec, or a CESQL expression, and ask it about events."""
    text = data.decode(errors="replace")
    try:
        spec = json.loads(text) if text.startswith("{") else {"filters": [{"cesql": text}]}
    except (ValueError, RecursionError):
        return
    try:
        found = parse_filters(spec)
    except InvalidSpec:
        return
    found.required()
    for event in _events.ATTRIBUTES:
        assert found.matches(event) in (True, False)
