"""Reading the body of a request: JSON, kubectl's protobuf, the YAML of a server-side apply; within bounds.

What is large is read in a thread, so that everybody else is served meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any, NoReturn

import yaml
from aiohttp import web

from eventing.media_types import media_type_of
from knative.local.api.protobuf import MEDIA_TYPE, read_protobuf
from knative.local.errors import ManifestError, Refused
from knative.local.manifests.documents import Loader, parse_yaml

MAX_BYTES = 3 << 20
"""What an API server takes at most."""
MAX_YAML_BYTES = 64 << 10
"""YAML is read a hundred times slower than JSON, which kubectl sends also where it says YAML."""
MAX_DEPTH = 100
_ON_THE_LOOP_BYTES = 64 << 10


class TooLarge(Refused):
    """The body, or the object that it makes, is too large."""

    status = 413
    reason = "RequestEntityTooLarge"


async def read_body(request: web.Request) -> Any:
    """Return the value in a request's body.

    Raises:
        Refused: it is malformed, too large, or nested too deep.
    """
    raw = await _bytes(request)
    media_type = media_type_of(request.headers.get("Content-Type"))  # aiohttp's reader of it recurses
    if media_type == MEDIA_TYPE:
        return _plain(await asyncio.to_thread(read_protobuf, raw))
    is_yaml = media_type.endswith("yaml")
    if len(raw) <= _ON_THE_LOOP_BYTES and not is_yaml:
        return parse_json(raw)
    return await asyncio.to_thread(parse_any if is_yaml else parse_json, raw)


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text; raises Refused."""
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except RecursionError:
        raise Refused(f"the body is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise Refused(f"the body is not JSON: {error}") from error
    return _plain(value)


def parse_any(raw: bytes) -> Any:
    """Return the value of a text that is JSON, or one document of YAML; raises Refused."""
    try:
        return parse_json(raw)
    except Refused:
        if len(raw) > MAX_YAML_BYTES:
            raise TooLarge(
                f"a body that is not JSON may have {MAX_YAML_BYTES} bytes, not {len(raw)}"
            ) from None
    try:
        documents = parse_yaml(raw.decode(errors="replace"), "the request's body", _ApiLoader)
    except RecursionError:
        raise Refused(f"the body is nested more than {MAX_DEPTH} deep") from None
    except ManifestError as error:
        raise Refused(str(error)) from error
    if len(documents) != 1:
        raise Refused("the body must hold one document")
    return _plain(documents[0])


class _ApiLoader(Loader):
    """YAML of strangers: an alias could stand for a million copies."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not taken here", self.get_mark())
        return super().compose_node(parent, index)


async def _bytes(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge(f"Request entity too large: limit is {MAX_BYTES}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _plain(value: Any) -> Any:
    """Return a value if it is JSON, nested at most so deep; raises Refused."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                if odd := next((key for key in each if not isinstance(key, str)), None):
                    raise Refused(f"a key of the body is no text: {odd!r}")
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, float) and not math.isfinite(each):
                raise Refused(f"the body holds {each}, which is no number of JSON")
            elif not isinstance(each, str | int | float | None):
                raise Refused(f"the body holds a {type(each).__name__}, which JSON does not have")
        if not below:
            return value
        level = below
    raise Refused(f"the body is nested more than {MAX_DEPTH} deep")
