"""Prediction ids and file names that tell their time: UUIDv7 (RFC 9562), made from a time and a seed."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime


def uuid7(at: datetime, seed: str) -> str:
    """Return the UUIDv7 of a time, to the millisecond, and a seed: the same two give the same id."""
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    bits = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    value = milliseconds << 80 | 0x7 << 76 | (bits >> 62 & 0xFFF) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def time_of(prediction_id: str) -> datetime | None:
    """Return the time that a UUIDv7 tells; None for any other text, and for a time that no clock shows."""
    try:
        found = uuid.UUID(prediction_id)
        return datetime.fromtimestamp((found.int >> 80) / 1000, UTC) if found.version == 7 else None
    except (ValueError, OverflowError):
        return None


def canonical(prediction_id: str) -> str:
    """Return an id as the log has it: a UUID in lower case with hyphens, any other text as it is."""
    try:
        return str(uuid.UUID(prediction_id))
    except ValueError:
        return prediction_id
