"""The broker's reader of HTTP messages: an event or a refusal, and the same event in the other mode."""

from __future__ import annotations

import json

from fuzz.targets._http import split
from fuzz.targets.codec import SEEDS as SEEDS
from fuzz.targets.codec import TOKENS as TOKENS

from knative.local.broker import structured
from knative.local.broker.errors import MalformedEvent
from knative.local.broker.event import has_event, read_event


def run(data: bytes) -> None:
    """Read; write what was read in structured mode and read it again."""
    headers, body = split(data)
    has_event(headers)
    try:
        event = read_event(headers, body)
    except MalformedEvent:
        return
    lines, envelope = structured.from_binary(event.headers, event.body)
    raw = [(name.encode(), value.encode()) for name, value in lines.items()]
    again = read_event(raw, envelope)
    if "datacontenttype" not in event.attributes:  # JSON without a type is JSON in structured mode
        again.attributes.pop("datacontenttype", None)
    assert again.attributes == event.attributes, (again.attributes, event.attributes)
    assert again.body == event.body or same_json(again.body, event.body), (again.body, event.body)


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two texts are the same JSON value: blanks around it are not kept."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False
