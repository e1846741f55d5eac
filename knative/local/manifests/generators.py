"""kustomize's configMapGenerator and secretGenerator, with plain names (no hash suffix)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knative.local.errors import ManifestError
from knative.local.manifests.documents import Manifest, read_text

_KNOWN = frozenset({"name", "namespace", "literals", "files", "envs", "options", "type", "behavior"})


def generate_config_map(entry: Any, options: Any, file: Path) -> Manifest:
    """Build the ConfigMap that an entry of `configMapGenerator` describes.

    Raises:
        ManifestError: the entry uses what is not supported.
    """
    data = _data(entry, options, file, "configMapGenerator")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(entry), "data": data}
    return Manifest(body, str(file))


def generate_secret(entry: Any, options: Any, file: Path) -> Manifest:
    """Build the Secret that an entry of `secretGenerator` describes.

    Raises:
        ManifestError: the entry uses what is not supported.
    """
    data = _data(entry, options, file, "secretGenerator")
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(entry), "data": encoded}
    return Manifest({**body, "type": entry.get("type", "Opaque")}, str(file))


def _metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": entry["name"]}
    if entry.get("namespace"):
        metadata["namespace"] = entry["namespace"]
    return metadata


def _data(entry: Any, options: Any, file: Path, key: str) -> dict[str, str]:
    if not isinstance(entry, dict) or not entry.get("name"):
        raise ManifestError([f"{file}: {key}: every entry needs a name"])
    where = f"{file}: {key}: {entry['name']}"
    unknown = [name for name in entry if name not in _KNOWN]
    if unknown or entry.get("behavior", "create") != "create":
        raise ManifestError([f"{where}: {', '.join(unknown) or 'behavior'}: cannot be rendered"])
    merged = {**options, **(entry.get("options") or {})}
    if merged.pop("disableNameSuffixHash", False) is not True or merged:
        raise ManifestError([f"{where}: options: exactly disableNameSuffixHash: true can be rendered"])
    data = dict(_pair(str(literal), where) for literal in entry.get("literals") or ())
    for listed in entry.get("envs") or ():
        lines = read_text(file.parent / listed).splitlines()
        data.update(_pair(line.strip(), where) for line in lines if line.strip() and not line.startswith("#"))
    for listed in entry.get("files") or ():
        name, _, path = str(listed).rpartition("=")
        data[name or Path(path).name] = read_text(file.parent / path)
    return data


def _pair(text: str, where: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ManifestError([f"{where}: {text!r} is not name=value"])
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return name, value
