"""Server-side apply: who owns which field of an object, and what an apply or an update makes of it.

https://kubernetes.io/docs/reference/using-api/server-side-apply/. Lists are taken as a whole. Owners are
known from an object's first apply on: what others had written before is nobody's.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]
Owners = dict[str, set[Path]]
_UNOWNED = {("apiVersion",), ("kind",)}
_BY_SERVER = frozenset(
    {"name", "namespace", "resourceVersion", "uid", "generation", "managedFields", "selfLink"}
    | {"creationTimestamp", "deletionTimestamp"}
)


class ApplyConflict(Exception):
    """Others own fields that would change."""


def apply(live: Json, owners: Owners, manager: str, body: Json, *, force: bool = False) -> Json:
    """Return the object after an apply; `owners` is brought up to date.

    Args:
        live: the object as it is; one with empty metadata where there is none.
        owners: the paths of fields that each manager has set.
        force: takes fields over from others instead.

    Raises: ApplyConflict naming who owns what.
    """
    given = dict(_leaves(body))
    conflicts = [
        (other, path)
        for path, value in given.items()
        for other, theirs in owners.items()
        if other != manager and path in theirs and not _stands(live, path, value)
    ]
    if conflicts and not force:
        raise ApplyConflict(_named(conflicts, body["apiVersion"]))
    after = copy.deepcopy({"apiVersion": body["apiVersion"], "kind": body["kind"], **live})
    for path in owners.get(manager, set()) - given.keys():
        if not any(path in theirs for other, theirs in owners.items() if other != manager):
            _drop(after, path)
    for path, value in given.items():
        if not _stands(after, path, value):
            _put(after, path, value)
    for other, path in conflicts:
        owners[other].discard(path)
    owners[manager] = set(given)
    return after


def update(live: Json, after: Json, owners: Owners, manager: str) -> None:
    """Give what an update changed to who changed it."""
    before, now = dict(_leaves(live)), dict(_leaves(after))
    changed = {path for path in now if now[path] != before.get(path)}
    gone = before.keys() - now.keys()
    for theirs in owners.values():
        theirs -= changed | gone
    if changed:
        owners.setdefault(manager, set()).update(changed)


def managed_fields(owners: Mapping[str, set[Path]], api_version: str) -> list[Json]:
    """Return the owners as an object's metadata has them; those that own nothing are left out."""
    found = []
    for manager, paths in owners.items():
        if not paths:
            continue
        fields: Json = {}
        for path in sorted(paths):
            inner = fields
            for name in path:
                inner = inner.setdefault(f"f:{name}", {})
        entry = {"manager": manager, "apiVersion": api_version, "fieldsType": "FieldsV1"}
        found.append({**entry, "fieldsV1": fields})
    return found


def owners_of(body: Json) -> Owners:
    """Return the owners that an object's metadata tells; empty where it was never applied."""
    entries = body["metadata"].get("managedFields") or []
    return {entry["manager"]: set(_paths(entry["fieldsV1"], ())) for entry in entries}


def _paths(fields: Json, path: Path) -> Iterator[Path]:
    for name, inner in fields.items():
        below = (*path, name.removeprefix("f:"))
        if inner:
            yield from _paths(inner, below)
        else:
            yield below


def _leaves(body: Json) -> Iterator[tuple[Path, Any]]:
    metadata = {key: value for key, value in body["metadata"].items() if key not in _BY_SERVER}
    given = {**body, "metadata": metadata}
    given.pop("status", None)
    for path, value in _walk(given, ()):
        if path not in _UNOWNED and path != ("metadata",):
            yield path, value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    else:
        yield path, value


def _at(body: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return None
        body = body[name]
    return body


def _stands(body: Json, path: Path, value: Any) -> bool:
    """Whether a field has a value already. An empty object asks only that there is an object."""
    found = _at(body, path)
    return bool(found == value or (value == {} and isinstance(found, dict)))


def _put(body: Json, path: Path, value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(body.get(name), dict):
            body[name] = {}
        body = body[name]
    body[path[-1]] = copy.deepcopy(value)


def _drop(body: Json, path: Path) -> None:
    inner = _at(body, path[:-1])
    if isinstance(inner, dict):
        inner.pop(path[-1], None)
        if not inner and len(path) > 1:
            _drop(body, path[:-1])


def _named(conflicts: list[tuple[str, Path]], api_version: str) -> str:
    listed = "; ".join(
        f'conflict with "{manager}" using {api_version}: .{".".join(path)}' for manager, path in conflicts
    )
    plural = "conflicts" if len(conflicts) > 1 else "conflict"
    return f"Apply failed with {len(conflicts)} {plural}: {listed}"
