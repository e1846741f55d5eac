"""A small kustomize: what our own trees use. The rest is left to `kubectl kustomize` or `kustomize`."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knative.local.errors import ManifestError, NeedsKustomize
from knative.local.manifests.documents import Manifest, parse_yaml, read_documents, read_text
from knative.local.manifests.patches import apply_patch
from knative.local.resources.kinds import kind_of

_TOOLS = (("kubectl", "kustomize"), ("kustomize", "build"))
_RENDERED_WITHIN_S = 60
FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def kustomization_in(folder: Path) -> Path | None:
    """Return the kustomization file of `folder`, or None."""
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def render(folder: Path) -> list[Manifest]:
    """Return the objects that the kustomization in `folder` describes.

    Raises:
        ManifestError: a file is missing or malformed, or needs a tool that is not here; names file and key.
    """
    try:
        return _render(folder.resolve(), ())
    except NeedsKustomize as error:
        return _render_by_tool(folder.resolve(), error)


def _render_by_tool(folder: Path, why: NeedsKustomize) -> list[Manifest]:
    tool = next((tool for tool in _TOOLS if shutil.which(tool[0])), None)
    if tool is None:
        missing = "the local runtime cannot render this without kubectl or kustomize on the PATH"
        raise ManifestError([f"{problem}: {missing}" for problem in why.problems]) from why
    try:
        command = [*tool, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_RENDERED_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ManifestError([f"{folder}: {error}"]) from error
    if done.returncode != 0:
        raise ManifestError([f"{folder}: {' '.join(tool)}: {' '.join(done.stderr.split())}"])
    return [Manifest(body, str(folder)) for body in parse_yaml(done.stdout, " ".join(tool))]


def _render(folder: Path, above: tuple[Path, ...]) -> list[Manifest]:
    file = kustomization_in(folder)
    if file is None:
        raise ManifestError([f"{folder}: has no kustomization.yaml"])
    if folder in above:
        raise ManifestError([f"{file}: resources lead back to this folder"])
    return _accumulate([], _read(file, "Kustomization"), file, (*above, folder))


def _accumulate(
    objects: list[Manifest], spec: Mapping[str, Any], file: Path, above: tuple[Path, ...]
) -> list[Manifest]:
    """Add to `objects` and change them as a kustomization says, in the order that kustomize keeps."""
    for entry in _listed(spec, "resources", file):
        objects = [*objects, *_resource(file.parent, str(entry), file, above)]
    for entry in _listed(spec, "components", file):
        objects = _component(objects, str(entry), file, above)
    for entry in _listed(spec, "patches", file):
        objects = apply_patch(objects, entry, file)
    return _placed(objects, str(spec["namespace"])) if spec.get("namespace") else objects


def _component(objects: list[Manifest], entry: str, file: Path, above: tuple[Path, ...]) -> list[Manifest]:
    """Return `objects` as the component in the folder `entry` makes them; it sees all there is so far."""
    folder = _local(file.parent, entry, "components", file)
    below = kustomization_in(folder)
    if below is None:
        raise ManifestError([f"{file}: components: {entry}: has no kustomization.yaml"])
    if folder in above:
        raise ManifestError([f"{below}: components lead back to this folder"])
    return _accumulate(objects, _read(below, "Component"), below, (*above, folder))


def _placed(objects: list[Manifest], namespace: str) -> list[Manifest]:
    """Return `objects` in `namespace`; a Namespace object takes its name, role bindings follow."""
    accounts = {m.body["metadata"].get("name") for m in objects if m.body.get("kind") == "ServiceAccount"}
    moved = []
    for manifest in objects:
        body = copy.deepcopy(manifest.body)
        kind = kind_of(body)
        if body.get("kind") == "Namespace":
            body["metadata"]["name"] = namespace
        elif kind is None or kind.namespaced:
            body.setdefault("metadata", {})["namespace"] = namespace
        for subject in body.get("subjects") or ():
            if subject.get("kind") == "ServiceAccount" and subject.get("name") in accounts | {"default"}:
                subject["namespace"] = namespace
        moved.append(manifest.with_body(body))
    return moved


_KNOWN = frozenset({"apiVersion", "kind", "resources", "components", "namespace", "patches"})


def _read(file: Path, wanted: str) -> dict[str, Any]:
    documents = parse_yaml(read_text(file), str(file))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ManifestError([f"{file}: must hold one kustomization"])
    spec: dict[str, Any] = documents[0]
    kind = spec.get("kind", "Kustomization")
    if kind != wanted:
        raise ManifestError([f"{file}: kind: {kind} is not {wanted}"])
    if unknown := [f"{file}: {key}" for key in spec if key not in _KNOWN]:
        raise NeedsKustomize(unknown)
    return spec


def _listed(spec: Mapping[str, Any], key: str, file: Path) -> list[Any]:
    value = spec.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ManifestError([f"{file}: {key}: must be a list"])
    return value


def _resource(folder: Path, entry: str, file: Path, above: tuple[Path, ...]) -> list[Manifest]:
    path = _local(folder, entry, "resources", file)
    if path.is_dir():
        return _render(path, above)
    if path.is_file():
        return read_documents(path)
    raise ManifestError([f"{file}: resources: {entry}: no such file or folder"])


def _local(folder: Path, entry: str, key: str, file: Path) -> Path:
    if "://" in entry or entry.startswith(("git@", "github.com")):
        raise ManifestError([f"{file}: {key}: {entry}: remote {key} are not fetched; keep a copy"])
    return (folder / entry).resolve()
