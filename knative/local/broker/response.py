"""What the ingress answers to a producer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALLOW = {"Allow": "POST, OPTIONS"}


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: ALLOW)
    body: bytes = b""
