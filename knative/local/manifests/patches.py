"""kustomize's `patches`: a patch, inline or in a file, on the objects its target selects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from knative.local.errors import ManifestError, NeedsKustomize
from knative.local.manifests.documents import Manifest, named, parse_yaml, read_text
from knative.local.manifests.patching import PatchFailed, json_patch, strategic_merge

_TARGET_KEYS = frozenset({"group", "version", "kind", "name", "namespace"})


def apply_patch(objects: list[Manifest], entry: Any, file: Path) -> list[Manifest]:
    """Return `objects` after one entry of `patches`.

    Raises:
        ManifestError: the entry is malformed, selects nothing, or does not fit.
        NeedsKustomize: it has keys that are not known here.
    """
    patch, target = _read(entry, file)
    if isinstance(patch, list):
        return _json(objects, patch, target, file)
    return _strategic(objects, patch, target, file)


def _read(entry: Any, file: Path) -> tuple[Any, dict[str, str] | None]:
    if not isinstance(entry, dict) or ("path" in entry) == ("patch" in entry):
        raise ManifestError([f"{file}: patches: every entry needs either path or patch"])
    unknown = [key for key in entry if key not in ("path", "patch", "target")]
    target = entry.get("target")
    unknown += [f"target.{key}" for key in target or () if key not in _TARGET_KEYS]
    if unknown:
        raise NeedsKustomize([f"{file}: patches: {', '.join(unknown)}"])
    origin = str(file.parent / entry["path"]) if "path" in entry else f"{file}: patches"
    text = read_text(file.parent / entry["path"]) if "path" in entry else str(entry["patch"])
    documents = parse_yaml(text, origin)
    if len(documents) != 1:
        raise ManifestError([f"{origin}: a patch is one document, not {len(documents)}"])
    return documents[0], target


def _json(
    objects: list[Manifest], patch: list[Any], target: dict[str, str] | None, file: Path
) -> list[Manifest]:
    if target is None:
        raise ManifestError([f"{file}: patches: a JSON patch needs a target"])
    patched = []
    for manifest in objects:
        if not _matches(manifest.body, target):
            patched.append(manifest)
            continue
        try:
            patched.append(manifest.with_body(json_patch(manifest.body, patch)))
        except PatchFailed as error:
            raise ManifestError([f"{file}: patches: {named(manifest.body)}: {error}"]) from error
    return patched


def _strategic(
    objects: list[Manifest], patch: Any, target: dict[str, str] | None, file: Path
) -> list[Manifest]:
    if not isinstance(patch, dict):
        raise ManifestError([f"{file}: patches: must be an object or a list of operations"])
    selected = [m for m in objects if (_matches(m.body, target) if target else _is_same(m.body, patch))]
    if not selected and target is None:
        raise ManifestError([f"{file}: patches: nothing is named {named(patch)}"])
    content = dict(patch)
    metadata = dict(content.get("metadata") or {})
    metadata.pop("name", None)
    metadata.pop("namespace", None)
    content["metadata"] = metadata
    for key in ("apiVersion", "kind"):
        content.pop(key, None)
    gone = [m for m in selected if content.get("$patch") == "delete"]
    return [
        m.with_body(strategic_merge(m.body, content)) if m in selected else m
        for m in objects
        if m not in gone
    ]


def _is_same(body: dict[str, Any], patch: dict[str, Any]) -> bool:
    mine, other = body.get("metadata") or {}, patch.get("metadata") or {}
    return (
        body.get("apiVersion") == patch.get("apiVersion")
        and body.get("kind") == patch.get("kind")
        and mine.get("name") == other.get("name")
        and (not other.get("namespace") or mine.get("namespace") == other["namespace"])
    )


def _matches(body: dict[str, Any], target: dict[str, str]) -> bool:
    group, _, version = str(body.get("apiVersion", "")).rpartition("/")
    metadata = body.get("metadata") or {}
    have = {
        "group": group,
        "version": version,
        "kind": body.get("kind", ""),
        "name": metadata.get("name", ""),
        "namespace": metadata.get("namespace", ""),
    }
    return all(not pattern or re.fullmatch(pattern, str(have[key])) for key, pattern in target.items())
