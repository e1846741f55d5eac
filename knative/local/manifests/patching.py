"""Changing JSON objects: merge patches, strategic merge patches, JSON patches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

# The list merge keys of the built-in kinds that we know. Lists of other kinds are replaced as a whole, as
# Kubernetes and kustomize do for kinds whose schema they do not have.
_MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "secrets": "name",
    "ownerReferences": "uid",
}
_BUILT_IN = frozenset({"v1", "batch/v1", "rbac.authorization.k8s.io/v1"})
_DIRECTIVES = ("$patch", "$retainKeys")


class PatchFailed(ValueError):
    """A patch does not fit the object."""


def merge(target: Any, patch: Any) -> Any:
    """Return `target` after the JSON merge patch `patch` (RFC 7386); neither is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def strategic_merge(target: Json, patch: Mapping[str, Any]) -> Json:
    """Return `target` after the strategic merge patch `patch`; neither is changed.

    Lists of built-in kinds merge by their key (containers by name), those of other kinds are replaced.
    """
    by_key = str(target.get("apiVersion")) in _BUILT_IN
    merged = _strategic(target, patch, by_key)
    assert isinstance(merged, dict)  # noqa: S101 - a mapping merged with a mapping is one
    return merged


def _strategic(target: Any, patch: Any, by_key: bool) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key not in _DIRECTIVES}
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key in _DIRECTIVES or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            merged[name] = [item for item in merged.get(name, ()) if item not in value]
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        elif by_key and isinstance(value, list) and isinstance(merged.get(key), list) and key in _MERGE_KEYS:
            merged[key] = _merge_list(merged[key], value, _MERGE_KEYS[key])
        else:
            merged[key] = _strategic(merged.get(key), value, by_key)
    return merged


def _merge_list(target: list[Any], patch: list[Any], key: str) -> list[Any]:
    merged = list(target)
    added = []
    for item in patch:
        identity = item.get(key)
        at = next((n for n, old in enumerate(merged) if old.get(key) == identity), None)
        if item.get("$patch") == "delete":
            merged = [old for old in merged if old.get(key) != identity]
        elif at is None:
            added.append(_strategic({}, item, True))
        else:
            merged[at] = _strategic(merged[at], item, True)
    return added + merged


def json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Return `target` after the JSON patch `operations` (RFC 6902); it is not changed.

    Raises:
        PatchFailed: an operation is malformed, a path is missing, or a test fails.
    """
    document = copy.deepcopy(target)
    for operation in operations:
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            raise PatchFailed(f"{operation!r} is no operation with op and path")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    op, path = operation.get("op"), operation["path"]
    if op in ("add", "replace", "test") and "value" not in operation:
        raise PatchFailed(f"{op} {path} needs a value")
    match op:
        case "add":
            return _set(document, path, copy.deepcopy(operation["value"]), insert=True)
        case "replace":
            _get(document, path)
            return _set(document, path, copy.deepcopy(operation["value"]), insert=False)
        case "remove":
            return _remove(document, path)
        case "test":
            if _get(document, path) != operation["value"]:
                raise PatchFailed(f"test failed: {path} is {_get(document, path)!r}")
            return document
        case "copy" | "move":
            value = copy.deepcopy(_get(document, str(operation.get("from"))))
            if op == "move":
                document = _remove(document, str(operation.get("from")))
            return _set(document, path, value, insert=True)
        case _:
            raise PatchFailed(f"{op!r} is no JSON patch operation")


def _steps(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise PatchFailed(f"the path {path!r} must start with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _child(parent: Any, step: str, path: str) -> Any:
    try:
        return parent[step] if isinstance(parent, dict) else parent[_index(parent, step, path)]
    except (KeyError, IndexError, TypeError) as error:
        raise PatchFailed(f"{path} does not exist") from error


def _index(parent: Any, step: str, path: str) -> int:
    if not isinstance(parent, list) or not step.isdigit():
        raise PatchFailed(f"{path} does not exist")
    return int(step)


def _get(document: Any, path: str) -> Any:
    for step in _steps(path):
        document = _child(document, step, path)
    return document


def _set(document: Any, path: str, value: Any, *, insert: bool) -> Any:
    steps = _steps(path)
    if not steps:
        return value
    parent = document
    for step in steps[:-1]:
        parent = _child(parent, step, path)
    last = steps[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-" and isinstance(parent, list):
        parent.append(value)
    else:
        at = _index(parent, last, path)
        if at > len(parent):
            raise PatchFailed(f"{path} does not exist")
        parent[at : at if insert else at + 1] = [value]
    return document


def _remove(document: Any, path: str) -> Any:
    _get(document, path)
    steps = _steps(path)
    if not steps:
        return None
    parent = document
    for step in steps[:-1]:
        parent = _child(parent, step, path)
    del parent[steps[-1] if isinstance(parent, dict) else int(steps[-1])]
    return document
