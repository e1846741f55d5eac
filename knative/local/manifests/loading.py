"""From the paths a user names to checked objects, or to every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from knative.local.errors import ManifestError
from knative.local.manifests.documents import Manifest, named, read_documents
from knative.local.manifests.kustomize import kustomization_in, render
from knative.local.manifests.patching import merge
from knative.local.resources.fields import Problem
from knative.local.resources.kinds import Json, kind_of, problems_of

DEFAULT_NAMESPACE = "default"


def load(
    paths: Iterable[Path],
    overrides: Iterable[Path] = (),
    problems_in: Callable[[Json], list[Problem]] = problems_of,
) -> list[Manifest]:
    """Return the objects of the manifests at `paths`, checked; `overrides` are merged over them.

    Args:
        paths: folders with a kustomization, folders of YAML files, or single files.
        overrides: YAML files whose objects complete or replace fields, e.g. this machine's ConfigMap.
        problems_in: says what is wrong with an object.

    Raises:
        ManifestError: lists everything found, each with file, object and field.
    """
    problems: list[str] = []
    found: dict[tuple[str, str, str, str], Manifest] = {}
    for path in paths:
        for manifest in _collect(_read, path, problems):
            key = _identity(manifest)
            if key in found:
                problems.append(f"{manifest}: is also in {found[key].origin}")
            found[key] = manifest
    for path in overrides:
        for manifest in _collect(read_documents, path, problems):
            key = _identity(manifest)
            below = found.get(key)
            body = merge(below.body, manifest.body) if below else manifest.body
            found[key] = Manifest(body, str(path))
    for manifest in found.values():
        problems.extend(f"{manifest}: {problem}" for problem in problems_in(manifest.body))
    if problems:
        raise ManifestError(problems)
    return list(found.values())


def _collect(read: Callable[[Path], list[Manifest]], path: Path, problems: list[str]) -> list[Manifest]:
    try:
        manifests = read(path)
    except ManifestError as error:
        problems.extend(error.problems)
        return []
    return [_placed(manifest) for manifest in manifests]


def _read(path: Path) -> list[Manifest]:
    if path.is_file():
        return read_documents(path)
    if not path.is_dir():
        raise ManifestError([f"{path}: no such file or folder"])
    if kustomization_in(path):
        return render(path)
    files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    if not files:
        raise ManifestError([f"{path}: has neither a kustomization.yaml nor YAML files"])
    return [manifest for file in files for manifest in read_documents(file)]


def _placed(manifest: Manifest) -> Manifest:
    kind = kind_of(manifest.body)
    metadata = manifest.body.get("metadata")
    if kind is None or not isinstance(metadata, dict):
        return manifest
    if kind.namespaced:
        return manifest.with_body(
            {
                **manifest.body,
                "metadata": {**metadata, "namespace": metadata.get("namespace") or DEFAULT_NAMESPACE},
            }
        )
    return manifest


def _identity(manifest: Manifest) -> tuple[str, str, str, str]:
    body = manifest.body
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    where = str(metadata.get("namespace", "")), str(metadata.get("name", named(body)))
    return str(body.get("apiVersion")), str(body.get("kind")), *where
