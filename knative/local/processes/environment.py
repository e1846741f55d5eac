"""The environment of a process, from its container's env and envFrom."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Any

from knative.local.errors import CannotStart
from knative.local.resources.kinds import CONFIG_MAP, SECRET, Json, Kind
from knative.local.resources.objects import Key
from knative.local.resources.store import Store

_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "SSL_CERT_FILE",
)
_PREFIXES = ("KASCADE_", "COVERAGE_", "COV_CORE_", "OTEL_", "LC_")
_KEPT_BACK = ("KASCADE_TOKENS", "KASCADE_TOKEN")
"""Keys of the gateway's clients: no business of the processes behind it."""
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what every process gets from the machine: paths, locale, and the project's own switches."""
    given = {k: v for k, v in environ.items() if k in _INHERITED or k.startswith(_PREFIXES)}
    return {k: v for k, v in given.items() if k not in _KEPT_BACK}


def data_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a ConfigMap or a Secret as text."""
    if body["kind"] == "ConfigMap":
        return {key: str(value) for key, value in (body.get("data") or {}).items()}
    decoded = {k: base64.b64decode(v).decode() for k, v in (body.get("data") or {}).items()}
    return decoded | dict(body.get("stringData") or {})


def container_environment(container: Json, namespace: str, name: str, store: Store) -> dict[str, str]:
    """Return the variables that a container's `envFrom` and `env` give, later ones over earlier ones.

    Raises:
        CannotStart: a ConfigMap, Secret or key that is not optional does not exist.
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        for field, kind in (("configMapRef", CONFIG_MAP), ("secretRef", SECRET)):
            if source.get(field):
                found = _source(kind, namespace, source[field], store)
                values.update({source.get("prefix", "") + k: v for k, v in found.items()})
    for entry in container.get("env") or ():
        value = _value(entry, namespace, name, store)
        if value is not None:
            values[entry["name"]] = _expanded(value, values)
    return values


BOUND = frozenset({"K_SINK", "K_CE_OVERRIDES", "K_CA_CERTS"})
"""What a SinkBinding sets. It takes those of a container's own `env` away, and adds its own at the end."""


def bound_environment(
    container: Json, namespace: str, name: str, store: Store, bound: Mapping[str, str]
) -> dict[str, str]:
    """Return a container's variables, with those of a SinkBinding, if any, over all others of their names.

    Raises:
        CannotStart: a ConfigMap, Secret or key that is not optional does not exist.
    """
    if bound:
        own = [entry for entry in container.get("env") or () if entry["name"] not in BOUND]
        container = {**container, "env": own}
    return {**container_environment(container, namespace, name, store), **bound}


def expand_arguments(argv: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return `argv` with `$(NAME)` replaced by the variable's value, as Kubernetes does."""
    return tuple(_expanded(argument, values) for argument in argv)


def _expanded(text: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return values.get(match.group(1), match.group())

    return _REFERENCE.sub(replace, text)


def _source(kind: Kind, namespace: str, ref: Mapping[str, Any], store: Store) -> dict[str, str]:
    body = store.find(Key(kind, namespace, ref["name"]))
    if body is not None:
        return data_of(body)
    if ref.get("optional"):
        return {}
    raise CannotStart(f"{kind.name} {namespace}/{ref['name']} does not exist")


def _value(entry: Json, namespace: str, name: str, store: Store) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return str(entry.get("value") or "")
    if source.get("fieldRef"):
        return name if source["fieldRef"]["fieldPath"] == "metadata.name" else namespace
    kind, ref = (
        (CONFIG_MAP, source["configMapKeyRef"])
        if source.get("configMapKeyRef")
        else (SECRET, source["secretKeyRef"])
    )
    values = _source(kind, namespace, ref, store)
    if ref["key"] in values:
        return values[ref["key"]]
    if ref.get("optional"):
        return None
    raise CannotStart(f"{kind.name} {namespace}/{ref['name']} has no key {ref['key']}")
