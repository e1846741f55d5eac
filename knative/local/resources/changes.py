"""What changed between two values, described as Knative's webhooks do: by the fields of their Go types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Fields whose Go name is not their JSON name with a capital, or that lie in an embedded type.
_GO_NAMES = {
    "metadata": "ObjectMeta",
    "tty": "TTY",
    "uri": "URI",
    "url": "URL",
    "cpu": "CPU",
    "httpGet": "ProbeHandler.HTTPGet",
    "tcpSocket": "ProbeHandler.TCPSocket",
    "httpHeaders": "HTTPHeaders",
    "dnsPolicy": "DNSPolicy",
    "securityContext": "SecurityContext",
    "apiVersion": "APIVersion",
}
_MAPS = frozenset({"labels", "annotations", "requests", "limits", "nodeSelector"})
_REVISION_ONLY = frozenset(
    {"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"}
)
_POINTERS = frozenset({*_REVISION_ONLY, "enableServiceLinks", "automountServiceAccountToken", "percent"})
_NUMBERS = frozenset(
    {"successThreshold", "failureThreshold", "periodSeconds", "initialDelaySeconds", "port", "containerPort"}
)


def template_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the differences of two revision templates, one below the other; empty when there are none."""
    return "".join(_changes("{*v1.RevisionTemplateSpec}", "", old, new))


def value_changes(type_: str, old: Any, new: Any) -> str:
    """Return the difference of two values of a Go type, such as `string`; empty when there is none."""
    return "".join(_changes(f"{{{type_}}}", "", old, new))


def _changes(place: str, field: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _changes(_below(place, field, key), key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index < min(len(old), len(new)):
                yield from _changes(f"{place}[{index}]", "", old[index], new[index])
            elif index < len(old):
                yield f"{place}[{index}->?]:\n\t-: {_shown(field, old[index])}\n"
            else:
                yield f"{place}[?->{index}]:\n\t+: {_shown(field, new[index])}\n"
    else:
        yield _change(place, field, old, new)


def _below(place: str, field: str, key: str) -> str:
    if field in _MAPS:
        return f'{place}["{key}"]'
    go = _GO_NAMES.get(key, key[:1].upper() + key[1:])
    inside_pod = place.endswith("}.Spec") and key not in _REVISION_ONLY
    return f"{place}.PodSpec.{go}" if inside_pod else f"{place}.{go}"


def _change(place: str, field: str, old: Any, new: Any) -> str:
    shows_absent = field not in _POINTERS and not isinstance(old if new is None else new, dict | list)
    start = f"*{place}" if field in _POINTERS and None not in (old, new) else place
    lines = f"{start}:\n"
    if old is not None or shows_absent:
        lines += f"\t-: {_shown(field, old)}\n"
    if new is not None or shows_absent:
        lines += f"\t+: {_shown(field, new)}\n"
    return lines


def _shown(field: str, value: Any) -> str:
    if value is None:
        return '"0"' if field in _NUMBERS else '""'
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    return f'"{value if isinstance(value, str | int | float) else json.dumps(value)}"'
