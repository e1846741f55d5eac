"""Structured mode (the CloudEvents JSON format) into binary mode and back, the data byte for byte."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from eventing.attributes import decode_header, encode_header
from eventing.media_types import charset_of, is_json, is_media_type
from knative.local.broker.errors import MalformedEvent

MEDIA_TYPE = "application/cloudevents+json"

# Only extensions may be integers or booleans.
_STRINGS = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_SPACE = re.compile(r"[ \t\r\n]*")


def to_binary(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the binary form of a structured event: its headers added to `headers`, and its data.

    Raises:
        MalformedEvent: no JSON object, or members that cannot be attributes.
    """
    members = _members(body, charset_of(headers.get("content-type")))
    problems: list[str] = []
    attributes = _attributes(members, problems)
    content_type = attributes.pop("datacontenttype", None)
    encoding = attributes.pop("datacontentencoding", None) if attributes.get("specversion") == "0.3" else None
    data = _data(members, content_type, encoding, problems)
    if data and content_type is None:
        content_type = "application/json"  # implied in structured mode, required in binary mode
    if content_type is not None and not is_media_type(content_type):
        problems.append(f"datacontenttype {content_type!r} is no media type such as application/json")
    if problems:
        raise MalformedEvent(*problems)
    binary = {name: value for name, value in headers.items() if name != "content-type"}
    binary |= {f"ce-{name}": encode_header(value) for name, value in attributes.items()}
    if content_type is not None:
        binary["content-type"] = content_type
    return binary, data


def from_binary(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the structured form of a binary event; headers that are no attributes stay headers."""
    attributes = {name[3:]: decode_header(value) for name, value in headers.items() if name.startswith("ce-")}
    others = {
        name: value
        for name, value in headers.items()
        if not name.startswith("ce-") and name != "content-type"
    }
    content_type = headers.get("content-type")
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    member = _data_member(attributes, body)
    envelope = json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode()
    if member:
        envelope = envelope[:-1] + b"," + member + b"}"
    return {**others, "content-type": MEDIA_TYPE}, envelope


def _data_member(attributes: dict[str, str], body: bytes) -> bytes:
    if not body:
        return b""
    if is_json(attributes.get("datacontenttype")) and _is_json_text(body):
        return b'"data":' + body
    encoded = base64.b64encode(body)
    if attributes["specversion"] == "0.3":
        return b'"datacontentencoding":"base64","data":"' + encoded + b'"'
    return b'"data_base64":"' + encoded + b'"'


def _is_json_text(body: bytes) -> bool:
    try:
        json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _members(body: bytes, charset: str) -> dict[str, tuple[Any, str]]:
    """Return the members of the JSON object with their values and their values' own text."""
    try:
        text = body.decode(charset).removeprefix("\ufeff")
        return {name: (value, raw) for name, value, raw in _scan(text)}
    except RecursionError as error:
        raise MalformedEvent("the body is nested too deep") from error
    except (ValueError, LookupError, IndexError) as error:
        raise MalformedEvent(f"the body is no JSON object: {error}") from error


def _scan(text: str) -> Iterator[tuple[str, Any, str]]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = _after(text, 0, "{")
    if text[at : at + 1] == "}":
        return _end(text, at + 1)
    seen: set[str] = set()
    while True:
        name, at = decoder.raw_decode(text, at)
        if not isinstance(name, str):
            raise ValueError(f"the name of a member is missing before character {at}")
        if name in seen:
            raise ValueError(f"{name!r} is there twice")
        seen.add(name)
        start = _after(text, at, ":")
        value, at = decoder.raw_decode(text, start)
        yield name, value, text[start:at]
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return _end(text, at + 1)
        at = _after(text, at, ",")


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _after(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark!r} is missing at character {at}")
    return _skip(text, at + 1)


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise ValueError(f"there is more after the object, at character {at}")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _attributes(members: Mapping[str, tuple[Any, str]], problems: list[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, (value, _) in members.items():
        if name in ("data", "data_base64") or value is None:
            continue
        if not (name.isascii() and name.isalnum() and name == name.lower()):
            problems.append(f"{name!r} is no attribute name: only lower-case letters and digits may be in it")
        elif isinstance(value, bool | int):
            attributes[name] = str(value).lower()
        elif isinstance(value, str):
            attributes[name] = value
        else:
            problems.append(f"{name} must be a string, an integer or a boolean")
    problems.extend(
        f"{name} must be a string"
        for name in _STRINGS
        if name in attributes and not isinstance(members[name][0], str)
    )
    return attributes


def _data(
    members: Mapping[str, tuple[Any, str]],
    content_type: str | None,
    encoding: str | None,
    problems: list[str],
) -> bytes:
    data, raw = members.get("data", (None, ""))
    encoded = members.get("data_base64", (None, ""))[0]
    if data is not None and encoded is not None:
        problems.append("both data and data_base64 are set: only one of them may be")
        return b""
    if encoding is not None:
        data, encoded = None, data
    if encoded is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, TypeError, ValueError):
            problems.append("data_base64 is not base64")
            return b""
    if data is None:
        return b""
    if is_json(content_type):
        return raw.encode(errors="surrogatepass")
    if isinstance(data, str):
        return data.encode(errors="surrogatepass")
    problems.append(f"data must be a string, since datacontenttype is {content_type!r}")
    return b""
