"""The `content_type` that an input tensor may name in its parameters: how its elements are to be read.

Source: MLServer, "Content Types".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from functions.serve_model.errors import BadRequest
from functions.serve_model.tensors import Values, shown

_AS_THEY_ARE = ("str", "np", "pd", "datetime", "hg_json")
"""Types whose elements are what they are without the type as well."""


def decoder(content_type: object, datatype: str, name: str) -> Callable[[Values], Values] | None:
    """Return what turns the tensor's elements into values; None where they are values already.

    Raises: BadRequest for a type that is not known: its elements would be read as something else.
    """
    if content_type is None or content_type in _AS_THEY_ARE:
        return None
    if content_type != "base64":
        raise BadRequest(
            f"input '{name}': content_type {shown(content_type)} is none of base64, {', '.join(_AS_THEY_ARE)}"
        )
    if datatype != "BYTES":
        raise BadRequest(f"input '{name}': content_type base64 is of BYTES, got {datatype}")
    return lambda values: [_from_base64(value, place, name) for place, value in enumerate(values)]


def _from_base64(value: object, place: int, name: str) -> str | None:
    if value is None:
        return None
    try:
        return base64.b64decode(str(value), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise BadRequest(f"input '{name}', value {place}: no base64 of UTF-8 text: {shown(value)}") from error
