"""kustomize's transformers: namespace, labels, annotations, images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knative.local.errors import ManifestError
from knative.local.manifests.documents import Manifest
from knative.local.resources.kinds import Json, kind_of


def set_namespace(objects: list[Manifest], namespace: str) -> list[Manifest]:
    """Return `objects` in `namespace`; a Namespace object takes its name, role bindings follow."""
    accounts = {m.body["metadata"].get("name") for m in objects if m.body.get("kind") == "ServiceAccount"} | {
        "default"
    }
    moved = []
    for manifest in objects:
        body = copy.deepcopy(manifest.body)
        kind = kind_of(body)
        if body.get("kind") == "Namespace":
            body["metadata"]["name"] = namespace
        elif kind is None or kind.namespaced:
            body.setdefault("metadata", {})["namespace"] = namespace
        for subject in body.get("subjects") or ():
            if subject.get("kind") == "ServiceAccount" and subject.get("name") in accounts:
                subject["namespace"] = namespace
        moved.append(manifest.with_body(body))
    return moved


def set_labels(objects: list[Manifest], entry: Any, file: Path) -> list[Manifest]:
    """Return `objects` with the labels of one entry of `labels`.

    Raises:
        ManifestError: the entry asks for selectors, which Knative's objects do not have.
    """
    known = ("pairs", "includeTemplates", "includeSelectors")
    if not isinstance(entry, dict) or [key for key in entry if key not in known]:
        raise ManifestError([f"{file}: labels: every entry has pairs and may have includeTemplates"])
    if entry.get("includeSelectors"):
        raise ManifestError([f"{file}: labels: includeSelectors: the local runtime cannot render this"])
    pairs = {key: str(value) for key, value in (entry.get("pairs") or {}).items()}
    labelled = []
    for manifest in objects:
        body = copy.deepcopy(manifest.body)
        _add(body, "labels", pairs)
        # kustomize knows the templates of built-in kinds only.
        if entry.get("includeTemplates") and body.get("kind") == "Job":
            _add(body["spec"]["template"], "labels", pairs)
        labelled.append(manifest.with_body(body))
    return labelled


def set_annotations(objects: list[Manifest], pairs: Mapping[str, Any]) -> list[Manifest]:
    """Return `objects` with annotations, on templates too, as `commonAnnotations` does."""
    annotated = []
    for manifest in objects:
        body = copy.deepcopy(manifest.body)
        texts = {key: str(value) for key, value in pairs.items()}
        _add(body, "annotations", texts)
        if body.get("kind") == "Job":
            _add(body["spec"]["template"], "annotations", texts)
        annotated.append(manifest.with_body(body))
    return annotated


def _add(body: Json, field: str, pairs: Mapping[str, str]) -> None:
    metadata = body.setdefault("metadata", {})
    metadata[field] = {**(metadata.get(field) or {}), **pairs}


def set_image(objects: list[Manifest], entry: Any, file: Path) -> list[Manifest]:
    """Return `objects` with the image of one entry of `images` renamed.

    Raises:
        ManifestError: the entry is malformed.
    """
    known = ("name", "newName", "newTag", "digest")
    if not isinstance(entry, dict) or not entry.get("name") or [key for key in entry if key not in known]:
        raise ManifestError([f"{file}: images: every entry has name, and newName, newTag or digest"])
    changed = []
    for manifest in objects:
        body = copy.deepcopy(manifest.body)
        _rename_images(body, entry)
        changed.append(manifest.with_body(body))
    return changed


def _rename_images(value: Any, entry: Mapping[str, str]) -> None:
    if isinstance(value, list):
        for item in value:
            _rename_images(item, entry)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in ("containers", "initContainers") and isinstance(item, list):
            for container in item:
                if isinstance(container, dict) and "image" in container:
                    container["image"] = renamed(str(container["image"]), entry)
        else:
            _rename_images(item, entry)


def renamed(image: str, entry: Mapping[str, str]) -> str:
    """Return `image` as an entry of `images` makes it; unchanged if the entry names another one."""
    name, rest = split_image(image)
    if name != entry["name"]:
        return image
    if entry.get("digest"):
        rest = f"@{entry['digest']}"
    elif entry.get("newTag") is not None:
        rest = f":{entry['newTag']}"
    return f"{entry.get('newName', name)}{rest}"


def split_image(image: str) -> tuple[str, str]:
    """Return the name of an image and the rest, its tag or digest: `a.b:5000/c:1` → (`a.b:5000/c`, `:1`)."""
    name, at, digest = image.partition("@")
    if at:
        return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name, f"@{digest}"
    head, colon, tag = image.rpartition(":")
    if colon and "/" not in tag:
        return head, f":{tag}"
    return image, ""
