"""An event on its way through the broker, and how one is read from an HTTP message.

Inside the broker every event is in binary mode. Attribute values stay on the wire as the producer wrote
them; decoded values are only for filters and for the structured form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eventing.attributes import check_attribute, decode_header, encode_header, parse_time
from eventing.media_types import is_media_type, media_type_of
from knative.local.broker import structured
from knative.local.broker.errors import MalformedEvent
from knative.local.broker.headers import is_passed_through

RawHeaders = Iterable[tuple[bytes, bytes]]

VERSIONS = ("1.0", "0.3")
_REQUIRED = ("specversion", "id", "source", "type")


@dataclass(slots=True)
class Record:
    """An event as the log keeps it: headers by lower-case name, without its TTL, which is a number beside."""

    headers: dict[str, str]
    body: bytes
    ttl: int


@dataclass(slots=True)
class Incoming:
    """An event just read: its headers (`ce-…`, `content-type`, passed through), body, decoded attributes."""

    headers: dict[str, str]
    body: bytes
    attributes: dict[str, str]


def read_event(raw: RawHeaders, body: bytes) -> Incoming:
    """Read the one event of an HTTP message in binary or structured mode.

    Args:
        raw: header names in any case, and values, as they came.
        body: the whole body.

    Raises:
        MalformedEvent: with every problem found.
    """
    headers, problems = _kept(raw)
    media_type = media_type_of(headers.get("content-type"))
    if media_type.startswith("application/cloudevents"):
        if media_type != structured.MEDIA_TYPE:
            raise MalformedEvent(
                f"{media_type} is not taken here: send {structured.MEDIA_TYPE} or binary mode"
            )
        headers = {name: value for name, value in headers.items() if not name.startswith("ce-")}
        headers, body = structured.to_binary(headers, body)
    attributes = _decoded(headers, problems)
    if not attributes and not problems:
        raise MalformedEvent(
            f"no event: neither ce- headers (binary mode) nor Content-Type {structured.MEDIA_TYPE}"
        )
    _check(attributes, problems)
    content_type = headers.get("content-type")
    if content_type is not None and not is_media_type(content_type):
        problems.append(f"Content-Type {content_type!r} is no media type such as application/json")
    if problems:
        raise MalformedEvent(*problems)
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    return Incoming(headers, body, attributes)


def has_event(raw: RawHeaders) -> bool:
    """Return whether the headers announce an event at all, well formed or not."""
    for name, value in raw:
        key = name.lower()
        if key.startswith(b"ce-") or (
            key == b"content-type" and value.lower().startswith(b"application/cloudevents")
        ):
            return True
    return False


def _kept(raw: RawHeaders) -> tuple[dict[str, str], list[str]]:
    """Keep what belongs to the event or is passed through, by lower-case name."""
    headers: dict[str, str] = {}
    problems: list[str] = []
    for name, value in raw:
        try:
            key = name.decode("ascii").lower()
            if not (key.startswith("ce-") or key == "content-type" or is_passed_through(key)):
                continue
            if key in headers and key.startswith("ce-"):
                problems.append(f"{key} is sent twice")
            headers[key] = _text(value)
        except UnicodeDecodeError:
            problems.append(f"the name of header {name!r} is not ASCII")
    if not headers.get("content-type", "x").strip():
        del headers["content-type"]  # as if it were not sent
    return headers, problems


def _text(value: bytes) -> str:
    """Return a header's text; Latin-1, which some clients send, becomes what the binding asks for."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return encode_header(value.decode("latin-1"))


def _decoded(headers: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for key, value in headers.items():
        if not key.startswith("ce-"):
            continue
        name = key[3:]
        attributes[name] = value
        if "%" in value or '"' in value:
            try:
                attributes[name] = decode_header(value)
            except ValueError as error:
                problems.append(f"{key} {error}")
    return attributes


def _check(attributes: Mapping[str, str], problems: list[str]) -> None:
    problems.extend(f"{name} is missing" for name in _REQUIRED if name not in attributes)
    if attributes.get("specversion", "1.0") not in VERSIONS:
        problems.append(f"specversion {attributes['specversion']!r} is not one of {', '.join(VERSIONS)}")
    for name, value in attributes.items():
        if not (name.isascii() and name.isalnum()):
            problems.append(f"{name!r} is no attribute name: only lower-case letters and digits may be in it")
        elif (wrong := check_attribute(name, value)) is not None:
            problems.append(f"{name} {wrong}")
    if "data" in attributes or "datacontenttype" in attributes:
        problems.append("ce-data and ce-datacontenttype must not be sent: the body and Content-Type say it")
    if "time" in attributes:
        try:
            parse_time(attributes["time"])
        except ValueError as error:
            problems.append(f"time {error}")
