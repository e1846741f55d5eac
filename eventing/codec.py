"""Turn HTTP messages into events and back: the only file that knows the CloudEvents SDK.

The SDK brings the versions' attribute rules, header names and percent-encoding. What it leaves open
is done here: the mode comes from the Content-Type, all problems are collected before one `InvalidEvent` is
raised, and every JSON value, not only objects, survives the way out and in.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http
from cloudevents.core.bindings.common import get_event_factory_for_version
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat

from eventing.attributes import check_attribute, decode_header, parse_time, text_of_header
from eventing.errors import InvalidEvent
from eventing.event import Event
from eventing.json_values import NotJson, dump_json, load_json
from eventing.media_types import charset_of, content_type_of, is_json, kind_of, media_type_of

BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
VERSIONS = ("1.0", "0.3")

_REQUIRED = ("specversion", "id", "source", "type")
_CORE = frozenset((*_REQUIRED, "subject", "time", "datacontenttype", "dataschema"))

Problems = dict[str, str]


def decode(headers: Mapping[str, str], body: bytes) -> Event:
    """Read one event from an HTTP message in binary or structured mode.

    Args:
        headers: names in any case; values as they came, percent-encoded.
        body: the whole body.

    Raises:
        InvalidEvent: with every problem found, one sentence each.
    """
    content_type = content_type_of(headers)
    media_type = media_type_of(content_type)
    if media_type == STRUCTURED:
        return _from_json(_parsed(body, content_type))
    if media_type == BATCH:
        raise InvalidEvent("a batch of events is not taken here: send each event on its own")
    if media_type.startswith("application/cloudevents"):
        raise InvalidEvent(f"the event format {media_type!r} is not supported: send {STRUCTURED}")
    return _from_headers(headers, content_type, body)


def decode_all(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Read the events of an HTTP message in binary, structured or batched mode.

    Raises:
        InvalidEvent: with every problem found; in a batch each starts with the event's place, `[0]`.
    """
    content_type = content_type_of(headers)
    if media_type_of(content_type) != BATCH:
        return [decode(headers, body)]
    batch = _parsed(body, content_type)
    if not isinstance(batch, list):
        raise InvalidEvent(f"a batch must be a JSON array, not {kind_of(batch)}")
    events: list[Event] = []
    problems: list[str] = []
    for place, member in enumerate(batch):
        try:
            events.append(_from_json(member))
        except InvalidEvent as error:
            problems.extend(f"[{place}] {problem}" for problem in error.problems)
    if problems:
        raise InvalidEvent(*problems)
    return events


def to_binary(event: Event) -> tuple[dict[str, str], bytes]:
    """Write an event in binary mode: (headers with lower-case names, body).

    Raises:
        InvalidEvent: when the event breaks the specification, or its data has no JSON form.
    """
    datacontenttype = event.datacontenttype
    if datacontenttype is None and event.data is not None and not isinstance(event.data, bytes):
        datacontenttype = "application/json"  # implied in structured mode, required in binary mode
    return _written(event, datacontenttype, http.to_binary)


def to_structured(event: Event) -> tuple[dict[str, str], bytes]:
    """Write an event in structured mode: (headers, JSON body).

    Raises:
        InvalidEvent: when the event breaks the specification, or its data has no JSON form.
    """
    return _written(event, event.datacontenttype, http.to_structured)


class _ExactJson(JSONFormat):
    """The SDK's JSON format, with every JSON value written as JSON and bytes always as bytes."""

    def write(self, event: BaseCloudEvent) -> bytes:
        members = dict(event.get_attributes())
        time = event.get_time()
        if time is not None:
            members["time"] = time.isoformat().replace("+00:00", "Z")
        data: Any = event.get_data()
        if isinstance(data, bytes):
            text = base64.b64encode(data).decode("ascii")
            if event.get_specversion() == "0.3":
                members |= {"datacontentencoding": "base64", "data": text}
            else:
                members["data_base64"] = text
        elif data is not None:
            members["data"] = data
        return dump_json(members)

    def write_data(self, data: Any, datacontenttype: str | None) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else dump_json(data)


_FORMAT = _ExactJson()


def _written(event: Event, datacontenttype: str | None, write: Any) -> tuple[dict[str, str], bytes]:
    if event.data is not None and not isinstance(event.data, bytes) and not is_json(datacontenttype):
        raise InvalidEvent(f"data: must be bytes, since datacontenttype is {datacontenttype!r}")
    attributes: dict[str, Any] = {
        "specversion": event.specversion,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": datacontenttype,
        "schemaurl" if event.specversion == "0.3" else "dataschema": event.dataschema,
        **event.extensions,
    }
    problems: Problems = {name: f"{name} is set as an extension" for name in _CORE & event.extensions.keys()}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    checked = _checked(attributes, event.data, problems)
    try:
        message = write(checked, _FORMAT)
    except NotJson as error:
        raise InvalidEvent(f"data has no JSON form: {error}") from error
    return message.headers, message.body


def _from_headers(headers: Mapping[str, str], content_type: str | None, body: bytes) -> Event:
    problems: Problems = {}
    attributes: dict[str, Any] = {}
    for header, value in headers.items():
        name = header.lower()
        if not name.startswith("ce-"):
            continue
        name = name[3:]
        try:
            attributes[name] = decode_header(text_of_header(value))
        except ValueError as error:
            problems[name] = f"ce-{name} {error}"
    if not attributes and not problems:
        raise InvalidEvent(
            f"no event: neither ce- headers (binary mode) nor Content-Type {STRUCTURED} (structured mode)"
        )
    if "datacontenttype" in attributes:
        problems["datacontenttype"] = "ce-datacontenttype must not be sent: Content-Type says it"
    elif content_type is not None:
        attributes["datacontenttype"] = content_type
    encoded = attributes.get("specversion") == "0.3" and attributes.pop("datacontentencoding", None)
    if encoded:
        body = _from_base64(body, encoded, problems)
    return _event(attributes, _body_data(body, content_type, problems), problems)


def _from_json(members: Any) -> Event:
    if not isinstance(members, dict):
        raise InvalidEvent(f"an event must be a JSON object, not {kind_of(members)}")
    problems: Problems = {}
    # In the JSON format an attribute that is null is an attribute that is absent.
    attributes = {name: value for name, value in members.items() if value is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    version = attributes.get("specversion")
    encoding = attributes.pop("datacontentencoding", None) if version == "0.3" else None
    if encoding is not None:
        encoded, data = data, None
    if data is not None and encoded is not None:
        problems["data"] = "both data and data_base64 are set: only one of them may be"
    datacontenttype = attributes.get("datacontenttype")
    json_data = not isinstance(datacontenttype, str) or is_json(datacontenttype)
    if encoded is not None:
        raw = _from_base64(encoded, encoding or "base64", problems)
        data = _body_data(raw, datacontenttype if isinstance(datacontenttype, str) else None, problems)
    elif data is not None and not json_data:
        if isinstance(data, str):
            data = data.encode(errors="surrogatepass")
        else:
            problems["data"] = f"data is {kind_of(data)}, which datacontenttype {datacontenttype!r} cannot be"
    for name, value in attributes.items():
        if name not in _CORE and isinstance(value, bool | int):
            attributes[name] = str(value).lower()
    return _event(attributes, data, problems)


def _event(attributes: dict[str, Any], data: Any, problems: Problems) -> Event:
    """Build the event from attributes by their names on the wire, or raise all that is wrong with them."""
    if "time" in attributes and isinstance(attributes["time"], str):
        try:
            attributes["time"] = parse_time(attributes["time"])
        except ValueError as error:
            problems["time"] = f"time {error}"
    timed = "time" in attributes
    checked = _checked(attributes, data, problems)
    extensions = {
        name: value
        for name, value in attributes.items()
        if name not in _CORE and not (name == "schemaurl" and checked.get_specversion() == "0.3")
    }
    return Event(
        id=checked.get_id(),
        source=checked.get_source(),
        type=checked.get_type(),
        subject=checked.get_subject(),
        time=checked.get_time() if timed else None,
        datacontenttype=checked.get_datacontenttype(),
        dataschema=checked.get_dataschema(),
        data=data,
        extensions=extensions,
        specversion=checked.get_specversion(),
    )


def _checked(attributes: dict[str, Any], data: Any, problems: Problems) -> BaseCloudEvent:
    """Check the attributes by our rules and the SDK's; `problems` is what was found wrong before."""
    for name in _REQUIRED:
        if name not in attributes:
            problems.setdefault(name, f"{name} is missing")
    version = attributes.get("specversion")
    if version is not None and version not in VERSIONS:
        problems["specversion"] = f"specversion {version!r} is not supported: send {' or '.join(VERSIONS)}"
    for name, value in attributes.items():
        wrong = check_attribute(name, value)
        if wrong:
            problems.setdefault(name, f"{name} {wrong}")
    # The SDK fills in a missing id and time by itself, so it gets its own copy.
    factory = get_event_factory_for_version(version if isinstance(version, str) else "1.0")
    checked = None
    try:
        checked = factory(dict(attributes), data)
    except CloudEventValidationError as error:
        for name, errors in error.errors.items():
            problems.setdefault(name, f"{name}: {errors[-1]}")
    if problems or checked is None:
        raise InvalidEvent(*problems.values())
    if "time" not in attributes:
        checked.get_attributes().pop("time", None)
    return checked


def _body_data(body: bytes, datacontenttype: str | None, problems: Problems) -> Any:
    if not body:
        return None
    if datacontenttype is None or not is_json(datacontenttype):
        return body
    try:
        return load_json(body)
    except NotJson as error:
        problems.setdefault("data", f"data is not JSON, though its type is {datacontenttype!r}: {error}")
        return None


def _from_base64(encoded: Any, encoding: Any, problems: Problems) -> bytes:
    if encoding != "base64":
        problems["data"] = f"datacontentencoding {encoding!r} is not supported: only base64 is"
    elif not isinstance(encoded, str | bytes):
        problems["data"] = f"base64 data must be a string, not {kind_of(encoded)}"
    else:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            problems["data"] = f"data is not base64: {error}"
    return b""


def _parsed(body: bytes, content_type: str | None) -> Any:
    charset = charset_of(content_type)
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidEvent(f"charset {charset!r} is not supported: JSON events are UTF-8")
    try:
        return load_json(body)
    except NotJson as error:
        raise InvalidEvent(f"the body is not JSON: {error}") from error
