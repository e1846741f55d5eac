"""Events that a person sends: built from a type, data, and little else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from eventing.catalogue import PAYLOADS, PREFIX
from eventing.codec import to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event, originate


def full_type(type_: str) -> str:
    """Return a type with the prefix `dev.kascade.` where that was left out."""
    return PREFIX + type_ if PREFIX + type_ in PAYLOADS else type_


def event_of(
    type_: str, data: Any, *, source: str, subject: str | None = None, id_: str | None = None
) -> Event:
    """Build an event; without a subject it is about the `model` in its data, if there is one.

    Raises:
        InvalidEvent: it is no CloudEvent, or lacks the data that its type needs.
    """
    full = full_type(type_)
    if full in PAYLOADS and not isinstance(data, dict):
        raise InvalidEvent(f"{full} needs data")
    if subject is None and isinstance(data, dict):
        subject = data.get("model")
        if not isinstance(subject, str | None):
            raise InvalidEvent(f"model in the data must be text, not {json.dumps(subject)[:100]}")
    event = originate(full, source, subject or "", data, id_=id_, now=datetime.now(UTC))
    event = replace(event, subject=subject or None)
    to_structured(event)
    return event
