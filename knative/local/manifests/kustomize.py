"""A small kustomize: what our trees use, rendered as `kubectl kustomize` does; anything else is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from knative.local.errors import ManifestError
from knative.local.manifests.documents import Manifest, parse_yaml, read_documents, read_text
from knative.local.manifests.generators import generate_config_map, generate_secret
from knative.local.manifests.patches import apply_patch
from knative.local.manifests.transformers import set_annotations, set_image, set_labels, set_namespace

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def kustomization_in(folder: Path) -> Path | None:
    """Return the kustomization file of `folder`, or None."""
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def render(folder: Path) -> list[Manifest]:
    """Return the objects that the kustomization in `folder` describes.

    Raises:
        ManifestError: a file is missing or malformed, or uses what is not supported; names file and key.
    """
    return _render(folder.resolve(), ())


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
    for key, step in _GENERATORS.items():
        options = spec.get("generatorOptions") or {}
        objects = [*objects, *(step(entry, options, file) for entry in _listed(spec, key, file))]
    for entry in _listed(spec, "components", file):
        objects = _component(objects, str(entry), file, above)
    for entry in _listed(spec, "patches", file):
        objects = apply_patch(objects, entry, file)
    return _transform(objects, spec, file)


def _component(objects: list[Manifest], entry: str, file: Path, above: tuple[Path, ...]) -> list[Manifest]:
    """Return `objects` as the component in the folder `entry` makes them; it sees all there is so far."""
    folder = _local(file.parent, entry, "components", file)
    below = kustomization_in(folder)
    if below is None:
        raise ManifestError([f"{file}: components: {entry}: has no kustomization.yaml"])
    if folder in above:
        raise ManifestError([f"{below}: components lead back to this folder"])
    return _accumulate(objects, _read(below, "Component"), below, (*above, folder))


_GENERATORS: dict[str, Callable[[Any, Any, Path], Manifest]] = {
    "configMapGenerator": generate_config_map,
    "secretGenerator": generate_secret,
}


def _transform(objects: list[Manifest], spec: Mapping[str, Any], file: Path) -> list[Manifest]:
    if spec.get("namespace"):
        objects = set_namespace(objects, str(spec["namespace"]))
    for entry in _listed(spec, "labels", file):
        objects = set_labels(objects, entry, file)
    if spec.get("commonAnnotations"):
        objects = set_annotations(objects, spec["commonAnnotations"])
    for entry in _listed(spec, "images", file):
        objects = set_image(objects, entry, file)
    return objects


_KNOWN = frozenset(
    {
        *("apiVersion", "kind", "resources", "components", "namespace", "labels", "commonAnnotations"),
        *("images", "patches"),
        *_GENERATORS,
        "generatorOptions",
    }
)


def _read(file: Path, wanted: str) -> dict[str, Any]:
    documents = parse_yaml(read_text(file), str(file))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ManifestError([f"{file}: must hold one kustomization"])
    spec: dict[str, Any] = documents[0]
    kind = spec.get("kind", "Kustomization")
    problems = [f"{file}: {key}: the local runtime cannot render this" for key in spec if key not in _KNOWN]
    if kind != wanted:
        problems.append(f"{file}: kind: {kind} is not {wanted}")
    if problems:
        raise ManifestError(problems)
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
