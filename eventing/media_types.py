"""What the Content-Type of a message or of an event's data says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_MEDIA_TYPE = re.compile(rf"\s*{_WORD}/{_WORD}\s*(?:;[\x20-\x7e\t]*)?", re.ASCII)


def content_type_of(headers: Mapping[str, str]) -> str | None:
    """Return the Content-Type header, whatever the case of its name."""
    for name, value in headers.items():
        if name.lower() == "content-type":
            return value.strip() or None
    return None


def media_type_of(content_type: str | None) -> str:
    """Return the media type in lower case without its parameters; "" for none."""
    return (content_type or "").split(";", 1)[0].strip().lower()


def is_media_type(content_type: str) -> bool:
    """Return whether a text is a media type such as `application/json; charset=utf-8` (RFC 2045)."""
    return _MEDIA_TYPE.fullmatch(content_type) is not None


def charset_of(content_type: str | None) -> str:
    """Return the charset parameter in lower case; UTF-8 where none is named."""
    for parameter in (content_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"


def is_json(datacontenttype: str | None) -> bool:
    """Say whether data of this media type is a JSON value; data without a type is, by the JSON format."""
    if datacontenttype is None:
        return True
    media_type = media_type_of(datacontenttype)
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def kind_of(value: Any) -> str:
    """Name the JSON kind of a value in words, for messages."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
