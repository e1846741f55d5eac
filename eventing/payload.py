"""Read the payload that an event's type promises."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from eventing.catalogue import OutsidePayload, Payload
from eventing.errors import InvalidEvent
from eventing.event import Event
from eventing.json_values import dump_json

P = TypeVar("P", bound=Payload)


def read_payload(event: Event, payload_class: type[P]) -> P:
    """Return the event's data as its payload class.

    What people and other systems write is read strictly: `"7"` is no number, an unknown field is an error.

    Raises:
        InvalidEvent: with every field that is wrong.
    """
    if isinstance(event.data, bytes):
        raise InvalidEvent(
            f"data of {event.type} must be JSON, but the Content-Type is {event.datacontenttype}: "
            "send Content-Type: application/json"
        )
    strict = issubclass(payload_class, OutsidePayload)
    try:
        return payload_class.model_validate_json(dump_json(event.data), strict=strict)
    except ValidationError as error:
        raise InvalidEvent(*(_problem(dict(found)) for found in error.errors(include_url=False))) from error


def _problem(found: dict[str, object]) -> str:
    where = found["loc"]
    path = ".".join(str(part) for part in where) if isinstance(where, tuple) else str(where)
    return f"data{'.' + path if path else ''}: {found['msg']}"
