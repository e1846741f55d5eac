"""Objects that kubectl sends in protobuf: their fields by number, as Kubernetes' `.proto` files have them.

`kubectl create configmap`, `secret`, `namespace`, `serviceaccount` and `job` send nothing else, and do not
fall back on JSON. A field that is not listed here is refused, not dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.errors import Refused

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_VARINT, _BYTES = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_INSTEAD = "send JSON: kubectl create … --dry-run=client -o yaml | kubectl apply -f -"

TEXT, RAW, FLAG, NUMBER = "text", "raw", "flag", "number"


@dataclass(frozen=True)
class Field:
    """One field: its name in JSON, what it holds, whether it is a list, or a map from text."""

    name: str
    holds: Any = TEXT
    many: bool = False
    mapped: bool = False


Fields = Mapping[int, Field]


def _texts(*names: str) -> dict[int, Field]:
    return {number: Field(name) for number, name in enumerate(names, 1)}


_META: Fields = {
    **{1: Field("name"), 2: Field("generateName"), 3: Field("namespace")},
    **{11: Field("labels", mapped=True), 12: Field("annotations", mapped=True)},
}
_CONTAINER: Fields = {
    **{1: Field("name"), 2: Field("image"), 5: Field("workingDir"), 14: Field("imagePullPolicy")},
    **{3: Field("command", many=True), 4: Field("args", many=True)},
    7: Field("env", _texts("name", "value"), many=True),
}
_POD: Fields = {2: Field("containers", _CONTAINER, many=True), 3: Field("restartPolicy")}
_JOB: Fields = {
    **{1: Field("parallelism", NUMBER), 2: Field("completions", NUMBER), 7: Field("backoffLimit", NUMBER)},
    **{3: Field("activeDeadlineSeconds", NUMBER), 8: Field("ttlSecondsAfterFinished", NUMBER)},
    6: Field("template", {1: Field("metadata", _META), 2: Field("spec", _POD)}),
}
_ATTRIBUTES = _texts("namespace", "verb", "group", "version", "resource", "subresource", "name")
_REVIEW: Fields = {
    1: Field("resourceAttributes", _ATTRIBUTES),
    2: Field("nonResourceAttributes", _texts("path", "verb")),
}
_KINDS: Mapping[tuple[str, str], Fields] = {
    ("v1", "ConfigMap"): {
        **{2: Field("data", mapped=True), 3: Field("binaryData", RAW, mapped=True)},
        4: Field("immutable", FLAG),
    },
    ("v1", "Secret"): {
        **{2: Field("data", RAW, mapped=True), 3: Field("type"), 4: Field("stringData", mapped=True)},
        5: Field("immutable", FLAG),
    },
    ("v1", "Namespace"): {},
    ("v1", "ServiceAccount"): {},
    ("batch/v1", "Job"): {2: Field("spec", _JOB)},
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): {2: Field("spec", _REVIEW)},
    ("authentication.k8s.io/v1", "SelfSubjectReview"): {},
}


def read_protobuf(body: bytes) -> dict[str, Any]:
    """Return the object in a body as JSON has it.

    Raises:
        Refused: it is malformed, of another kind, or has a field that is not known here.
    """
    try:
        return _object(body)
    except (IndexError, UnicodeDecodeError) as error:
        raise Refused(f"the body is no {MEDIA_TYPE}: {error}") from error


def _object(body: bytes) -> dict[str, Any]:
    if not body.startswith(_MAGIC):
        raise Refused(f"the body is no {MEDIA_TYPE}")
    whole = dict(_fields(body[len(_MAGIC) :]))
    about = dict(_fields(_bytes(whole.get(1, b""))))
    api_version, kind = (_bytes(about.get(number, b"")).decode() for number in (1, 2))
    fields = _KINDS.get((api_version, kind))
    if fields is None:
        raise Refused(f"a {kind} is not read as {MEDIA_TYPE}; {_INSTEAD}")
    value = _message(_bytes(whole.get(2, b"")), {1: Field("metadata", _META), **fields}, kind)
    return {"apiVersion": api_version, "kind": kind, **value}


def _message(data: bytes, fields: Fields, where: str) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for number, given in _fields(data):
        field = fields.get(number)
        if given in (0, b"") and (field is None or (field.holds is TEXT and not field.many)):
            continue  # Go writes fields that are empty, too
        if field is None:
            if not _is_empty(given):
                raise Refused(f"field {number} of {where} is not read as {MEDIA_TYPE}; {_INSTEAD}")
        elif field.mapped:
            entry = dict(_fields(_bytes(given)))
            key = _bytes(entry.get(1, b"")).decode()
            value.setdefault(field.name, {})[key] = _held(entry.get(2, b""), field, where)
        elif field.many:
            value.setdefault(field.name, []).append(_held(given, field, where))
        else:
            value[field.name] = _held(given, field, where)
    return value


def _held(given: int | bytes, field: Field, where: str) -> Any:
    if field.holds is NUMBER or field.holds is FLAG:
        if not isinstance(given, int):
            raise IndexError(f"{field.name} is no number")
        signed = given - (1 << 64) if given >> 63 else given
        return bool(given) if field.holds is FLAG else signed
    data = _bytes(given)
    if field.holds is TEXT:
        return data.decode()
    if field.holds is RAW:
        return base64.b64encode(data).decode()
    return _message(data, field.holds, f"{where}.{field.name}")


def _is_empty(given: int | bytes) -> bool:
    """Tell whether a field is a message of nothing but empty fields."""
    if isinstance(given, int) or not given:
        return not given
    try:
        return all(_is_empty(each) for _, each in _fields(given))
    except (IndexError, Refused):
        return False


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field. Raises IndexError: it ends too early."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in _FIXED_BYTES:
            size = _FIXED_BYTES[wire]
        else:
            raise IndexError(f"wire type {wire} is not known")
        if at + size > len(data):
            raise IndexError("it ends too early")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError("a number is too long")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise IndexError("a number stands where a text or an object should be")
    return value
