"""The `labelSelector` and `fieldSelector` of a list or a watch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.errors import Refused
from knative.local.resources.objects import labels_of, selects

_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True)
class Selection:
    """Which objects a request is about."""

    labels: Mapping[str, Any]
    fields: tuple[tuple[str, bool, str], ...] = ()

    def holds(self, body: Mapping[str, Any]) -> bool:
        """Tell whether an object is selected."""
        for path, wanted, value in self.fields:
            if (body["metadata"].get(path.rpartition(".")[2], "") == value) is not wanted:
                return False
        return selects(self.labels, labels_of(body))


def selection_of(query: Mapping[str, str]) -> Selection:
    """Read the selectors of a request.

    Raises:
        Refused: a selector is malformed, or of a field that is not indexed.
    """
    rules = [_label_rule(part.strip()) for part in _split(query.get("labelSelector", ""))]
    fields = [_field_rule(part.strip()) for part in _split(query.get("fieldSelector", ""))]
    return Selection({"matchExpressions": rules}, tuple(fields))


def _split(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _label_rule(text: str) -> dict[str, Any]:
    found = _SET.fullmatch(text)
    if found:
        values = [value.strip() for value in found[3].split(",")]
        return {"key": found[1], "operator": "In" if found[2] == "in" else "NotIn", "values": values}
    for sign, operator in (("!=", "NotIn"), ("==", "In"), ("=", "In")):
        key, present, value = text.partition(sign)
        if present:
            return {"key": key.strip(), "operator": operator, "values": [value.strip()]}
    if text.startswith("!"):
        return {"key": text[1:].strip(), "operator": "DoesNotExist"}
    return {"key": text, "operator": "Exists"}


def _field_rule(text: str) -> tuple[str, bool, str]:
    for sign, wanted in (("!=", False), ("==", True), ("=", True)):
        key, present, value = text.partition(sign)
        if present:
            if key not in _FIELDS:
                raise Refused(f"field selector {key} is not supported; known are {', '.join(_FIELDS)}")
            return key, wanted, value
    raise Refused(f"{text!r} is no field selector")
