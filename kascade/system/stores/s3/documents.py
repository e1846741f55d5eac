"""S3's XML: what clients send, and what they are answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from kascade.system.stores.s3.errors import S3Error

Content: TypeAlias = "str | int | Sequence[tuple[str, Content]]"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_CONTROL = re.compile("[\x01-\x08\x0b-\x1f]")


def document(name: str, content: Content, *, namespace: bool = True) -> bytes:
    """Write a document: an element holds text, or elements in order."""
    attribute = f' xmlns="{_NAMESPACE}"' if namespace else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}{attribute}>{_inner(content)}</{name}>'
    return text.encode(errors="replace")


def _inner(content: Content) -> str:
    if isinstance(content, str):
        return _CONTROL.sub(lambda found: f"&#{ord(found[0])};", escape(content))
    if isinstance(content, int):
        return str(content)
    return "".join(f"<{name}>{_inner(each)}</{name}>" for name, each in content)


def timestamp(seconds: float) -> str:
    """Write a time as S3's documents do."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def keys_to_delete(raw: bytes) -> tuple[list[tuple[str, str]], bool]:
    """Read a Delete document: keys and versions, and whether to name only failures. Raises: S3Error."""
    root = _parsed(raw)
    keys = [(_text(each, "Key"), _text(each, "VersionId")) for each in root if _local(each) == "Object"]
    if not 0 < len(keys) <= 1000:
        raise S3Error("MalformedXML", "Delete must name from 1 to 1000 objects.")
    return keys, any(_local(each) == "Quiet" and each.text == "true" for each in root)


def parts_to_join(raw: bytes) -> list[tuple[int, str]]:
    """Read a CompleteMultipartUpload document: number and ETag of each part. Raises: S3Error."""
    try:
        return [
            (int(_text(each, "PartNumber")), _text(each, "ETag").strip('"'))
            for each in _parsed(raw)
            if _local(each) == "Part"
        ]
    except ValueError as error:
        raise S3Error("MalformedXML", f"A PartNumber is no number: {error}") from error


def _parsed(raw: bytes) -> Iterable[ElementTree.Element]:
    if b"<!" in raw or b"\0" in raw:  # a declaration, or one in UTF-16
        raise S3Error("MalformedXML", "The document must have no declarations.")
    try:
        return ElementTree.fromstring(raw)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise S3Error("MalformedXML", f"The document is not well-formed: {error}") from error


def _text(parent: ElementTree.Element, name: str) -> str:
    return next((each.text or "" for each in parent if _local(each) == name), "")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
