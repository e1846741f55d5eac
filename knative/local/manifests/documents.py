"""YAML files into objects, each with the file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from knative.local.errors import ManifestError
from knative.local.resources.kinds import Json


@dataclass(frozen=True)
class Manifest:
    """An object as a file says it; `origin` is that file."""

    body: Json
    origin: str

    def with_body(self, body: Json) -> Manifest:
        """Return this manifest, from the same file, with another body."""
        return replace(self, body=body)

    def __str__(self) -> str:
        return f"{self.origin}: {named(self.body)}"


def named(body: Mapping[str, Any]) -> str:
    """Return `Kind namespace/name` for a message, as far as the object says them."""
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    where = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{body.get('kind', 'object without kind')} {where}{metadata.get('name', 'without name')}"


class Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text, and a key given twice is an error."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: Loader, node: yaml.MappingNode) -> Json:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be a text, not a list or a mapping", key_node.start_mark
            )
        key = str(key_node.value)
        if key in seen and key != "<<":
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value
    }


Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str, origin: str, loader: type[Loader] = Loader) -> list[Any]:
    """Return the documents of `text` that are not empty.

    Raises:
        ManifestError: it is no YAML; says where.
    """
    try:
        return [doc for doc in yaml.load_all(text, Loader=loader) if doc is not None]
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ManifestError([f"{origin}: {' '.join(str(error).split())}"]) from error


def read_text(path: Path) -> str:
    """Return the text of a manifest file.

    Raises:
        ManifestError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError([f"{path}: cannot be read: {error}"]) from error


def read_documents(path: Path) -> list[Manifest]:
    """Return the objects of a YAML file; a `List` counts as its items.

    Raises:
        ManifestError: a document is no object.
    """
    found: list[Manifest] = []
    for document in parse_yaml(read_text(path), str(path)):
        if not isinstance(document, dict):
            raise ManifestError([f"{path}: holds a {type(document).__name__} where an object should be"])
        is_list = str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list)
        items = document["items"] if is_list else [document]
        found.extend(Manifest(item, str(path)) for item in items)
    return found
