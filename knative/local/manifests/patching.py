"""Changing JSON objects: merge patches, strategic merge patches, JSON patches."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch

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
MAX_OPERATIONS, MAX_COPIED_BYTES = 10_000, 3 << 20
"""What an API server takes of a JSON patch: operations may copy what others copied before them."""


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
    if not all(isinstance(item, dict) for item in [*target, *patch]):
        raise PatchFailed(f"the items of a list that is merged by {key} must be objects")
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
    """Return `target` after the JSON patch `operations` (RFC 6902); neither is changed.

    Raises:
        PatchFailed: an operation is malformed, a path is missing, or a test fails; names the operation.
    """
    if len(operations) > MAX_OPERATIONS:
        raise PatchFailed(f"it has {len(operations)} operations, at most {MAX_OPERATIONS} are taken")
    document, copied = copy.deepcopy(target), 0
    for operation in copy.deepcopy(operations):
        copied += _copied(document, operation)
        if copied > MAX_COPIED_BYTES:
            raise PatchFailed(f"{_named(operation)}: more than {MAX_COPIED_BYTES} bytes would be copied")
        try:
            document = jsonpatch.apply_patch(document, [operation], in_place=True)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
            why, missing, _ = str(error).partition(" not found in ")  # what follows is the whole object
            raise PatchFailed(f"{_named(operation)}: {why}{' not found' if missing else ''}") from error
    return document


def _copied(document: Any, operation: Any) -> int:
    """Return how many bytes of JSON an operation copies; none if it is another one, or malformed."""
    if not isinstance(operation, Mapping) or operation.get("op") != "copy":
        return 0
    try:
        value = jsonpatch.JsonPointer(operation["from"]).resolve(document)
    except (KeyError, TypeError, jsonpatch.JsonPointerException):
        return 0
    return len(json.dumps(value))


def _named(operation: Any) -> str:
    given = operation if isinstance(operation, Mapping) else {}
    return f"{given['op']} {given['path']}" if "op" in given and "path" in given else repr(operation)
