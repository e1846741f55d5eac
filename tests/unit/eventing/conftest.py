"""The least that an event must say in each mode, and what is wrong with one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventing.codec import decode
from eventing.errors import InvalidEvent

REQUIRED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/tests", "ce-type": "dev.example.happened"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
MEMBERS: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/tests",
    "type": "dev.example.happened",
}


def structured(**members: Any) -> bytes:
    return json.dumps({**MEMBERS, **members}).encode()


def problems_of(headers: dict[str, str], body: bytes = b"") -> tuple[str, ...]:
    with pytest.raises(InvalidEvent) as caught:
        decode(headers, body)
    return caught.value.problems
