"""Writes an event as a JSON text for a column, and reads it back equal."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from eventing.event import Event


def dump_event(event: Event) -> str:
    """Return the event as JSON (ASCII only, so that any database accepts any character in it)."""
    return json.dumps(as_json(event))


def as_json(event: Event) -> dict[str, Any]:
    """Return the event as a JSON object in the structured form of the CloudEvents JSON format."""
    found: dict[str, Any] = {
        "specversion": event.specversion,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time.isoformat() if event.time else None,
        "datacontenttype": event.datacontenttype,
        "dataschema": event.dataschema,
        **event.extensions,
    }
    plain = {name: value for name, value in found.items() if value is not None}
    if isinstance(event.data, bytes):
        plain["data_base64"] = base64.b64encode(event.data).decode("ascii")
    elif event.data is not None:
        plain["data"] = event.data
    return plain


def load_event(text: str) -> Event:
    """Read what `dump_event` wrote."""
    found: dict[str, Any] = json.loads(text)
    time = found.pop("time", None)
    data = found.pop("data", None)
    encoded = found.pop("data_base64", None)
    return Event(
        id=found.pop("id"),
        source=found.pop("source"),
        type=found.pop("type"),
        specversion=found.pop("specversion"),
        subject=found.pop("subject", None),
        datacontenttype=found.pop("datacontenttype", None),
        dataschema=found.pop("dataschema", None),
        time=datetime.fromisoformat(time) if time else None,
        data=base64.b64decode(encoded) if encoded is not None else data,
        extensions=found,
    )
