"""Creating, changing and deleting objects as the API does: admission, patches, dry runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knative.local.api.admission import admit
from knative.local.api.bodies import TooLarge
from knative.local.api.ownership import ApplyConflict, Owners, managed_fields, owners_of
from knative.local.api.ownership import apply as applied
from knative.local.api.ownership import update as updated
from knative.local.errors import Conflict, Invalid, NotFound, Refused
from knative.local.log import info
from knative.local.manifests.patching import PatchFailed, json_patch, merge, strategic_merge
from knative.local.resources.kinds import NAMESPACE, Json, Kind
from knative.local.resources.objects import Key
from knative.local.resources.store import Store, modified

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_MAX_OBJECT_BYTES = 1536 << 10
"""What a cluster's store keeps of one object."""


class _NoSuchPatch(Refused):
    status = 415
    reason = "UnsupportedMediaType"

    def __init__(self, kind: Kind, content_type: str) -> None:
        known = ", ".join(_patches_of(kind))
        super().__init__(f"patches of type {content_type} are not known for a {kind.name}; known are {known}")


@dataclass(frozen=True)
class Writer:
    """Who writes: the name under which fields are kept as theirs, and whether they take those of others."""

    manager: str = ""
    force: bool = False


def _patches_of(kind: Kind) -> tuple[str, ...]:
    """Return the types of patches of a kind: a cluster knows no strategic merge of custom resources."""
    built_in = not kind.custom and not kind.group.endswith(".knative.dev")
    return (JSON_PATCH, MERGE_PATCH, *((STRATEGIC,) if built_in else ()), APPLY)


class Objects:
    """The verbs of the API over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, kind: Kind, namespace: str, given: Any, *, dry_run: bool = False) -> Json:
        """Add an object; raises Refused, NotFound (its namespace), AlreadyExists or Invalid."""
        body = _object(kind, given)
        metadata = body["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            name = f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
            metadata = {key: value for key, value in metadata.items() if key != "generateName"} | {
                "name": name
            }
            body = {**body, "metadata": metadata}
        key = Key(kind, namespace, str(metadata.get("name")))
        body = _placed(key, body)
        self._check_namespace(namespace)
        return self._create(key, _owned(body, None), dry_run=dry_run)

    def _create(self, key: Key, body: Json, *, dry_run: bool) -> Json:
        body = _fitting(admit(key, body, None))
        body.pop("status", None)
        if dry_run:
            return body
        made = self._store.create(key, body)
        info("object created", object=str(key))
        return made

    def _check_namespace(self, namespace: str) -> None:
        if namespace and self._store.find(Key(NAMESPACE, "", namespace)) is None:
            raise NotFound(
                f'namespaces "{namespace}" not found', details={"name": namespace, "kind": "namespaces"}
            )

    def replace(self, key: Key, given: Any, writer: Writer, *, dry_run: bool = False) -> Json:
        """Replace an object; raises Refused, NotFound, Conflict or Invalid."""
        body = _placed(key, _object(key.kind, given))
        before = self._store.get(key)
        _check_version(key, body, before)
        owners = owners_of(before)
        if owners:
            updated(before, body, owners, writer.manager)
        return self._replace(key, _owned(body, owners), before, dry_run=dry_run)

    def _replace(self, key: Key, body: Json, before: Json, *, dry_run: bool) -> Json:
        body = _fitting(admit(key, body, before))
        if dry_run:
            return body
        changed = self._store.replace(key, body)
        if changed is not before:
            info("object changed", object=str(key))
        if _is_going(changed) and not changed["metadata"].get("finalizers"):
            return self._store.delete(key)
        return changed

    def write_status(self, key: Key, content_type: str, given: Any) -> Json:
        """Write the status of a custom object, as its controller does: by a merge patch or by the whole.

        Raises: Refused, NotFound, Conflict.
        """
        if not key.kind.custom:
            raise Refused("the status is the runtime's own; it cannot be written")
        before = self._store.get(key)
        if not isinstance(given, dict):
            raise Refused("the body must be an object")
        after = merge(before, given) if content_type == MERGE_PATCH else given
        _check_version(key, after, before)
        self._store.set_status(key, after.get("status") or {}, timed=False)
        return self._store.get(key)

    def apply(self, key: Key, given: Any, writer: Writer, *, dry_run: bool = False) -> Json:
        """Apply an object on the server side; raises Refused, NotFound, Conflict or Invalid.

        What the writer applied before and leaves out now goes, unless somebody else has set it as well.
        """
        body = _placed(key, _object(key.kind, given))
        if not writer.manager:
            raise Invalid("fieldManager: Required value: is required for apply patch")
        before = self._store.find(key)
        if before is not None:
            _check_version(key, body, before)
        elif body["metadata"].get("resourceVersion"):
            raise modified(key)
        else:
            self._check_namespace(key.namespace)
        owners = owners_of(before) if before is not None else {}
        try:
            after = applied(before or {"metadata": {}}, owners, writer.manager, body, force=writer.force)
        except ApplyConflict as error:
            raise Conflict(str(error)) from error
        after = _owned(_placed(key, {**after, "metadata": {"name": key.name, **after["metadata"]}}), owners)
        if before is None:
            return self._create(key, after, dry_run=dry_run)
        return self._replace(key, after, before, dry_run=dry_run)

    def patch(
        self, key: Key, content_type: str, patch: Any, writer: Writer, *, dry_run: bool = False
    ) -> Json:
        """Patch an object by the content type's rules; raises Refused, NotFound, Conflict or Invalid."""
        if content_type == "application/json":
            content_type = MERGE_PATCH
        if content_type not in _patches_of(key.kind):
            raise _NoSuchPatch(key.kind, content_type)
        if content_type == APPLY:
            return self.apply(key, patch, writer, dry_run=dry_run)
        before = self._store.get(key)
        try:
            after = _patched(before, content_type, patch)
        except PatchFailed as error:
            raise Refused(f"the patch does not fit: {error}") from error
        return self.replace(key, after, writer, dry_run=dry_run)

    def delete(self, key: Key, options: Any = None, *, dry_run: bool = False) -> Json:
        """Delete an object, and with a Namespace all that is in it; raises NotFound or Conflict."""
        body = self._store.get(key)
        uid = _precondition(options)
        if uid and uid != body["metadata"]["uid"]:
            raise Conflict(f"the uid of {key} is another one")
        if dry_run:
            return body
        if key.kind is NAMESPACE:
            for below in list(self._store.every_key()):
                if below.namespace == key.name and self._store.find(below) is not None:
                    self._store.delete(below)
        if key.kind.custom and body["metadata"].get("finalizers"):
            return body if _is_going(body) else self._store.mark_as_going(key)
        info("object deleted", object=str(key))
        return self._store.delete(key)


def _is_going(body: Json) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _fitting(body: Json) -> Json:
    size = len(json.dumps(body))
    if size > _MAX_OBJECT_BYTES:
        raise TooLarge(f"the object has {size} bytes, at most {_MAX_OBJECT_BYTES} are kept")
    return body


def _precondition(options: Any) -> Any:
    """Return the uid that DeleteOptions ask for, if any."""
    given = options if options is not None else {}
    wanted = given.get("preconditions") if isinstance(given, dict) else given
    if isinstance(wanted, dict | None) and isinstance(given, dict):
        return (wanted or {}).get("uid")
    raise Refused("the body must be DeleteOptions: an object, preconditions in it another one")


def _object(kind: Kind, body: Any) -> Json:
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise Refused("the body must be an object with metadata")
    given = (body.get("apiVersion", kind.api_version), body.get("kind", kind.name))
    if given != (kind.api_version, kind.name):
        raise Refused(f"the body is a {given[0]} {given[1]}, the path is for {kind.api_version} {kind.name}")
    if not kind.written_by_users:
        raise Refused(f"a {kind.name} is made by its Service; change the Service instead")
    return {"apiVersion": kind.api_version, "kind": kind.name, **body}


def _placed(key: Key, body: Json) -> Json:
    metadata: Mapping[str, Any] = body["metadata"]
    if metadata.get("name") != key.name:
        raise Refused(f"the body is named {metadata.get('name')}, the path says {key.name}")
    if not key.namespace:
        return body
    if metadata.get("namespace") not in (None, "", key.namespace):
        raise Refused(f"the body is for namespace {metadata['namespace']}, the path for {key.namespace}")
    return {**body, "metadata": {**metadata, "namespace": key.namespace}}


def _owned(body: Json, owners: Owners | None) -> Json:
    """Return an object with its owners in its metadata, and with no others."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    found = managed_fields(owners, body["apiVersion"]) if owners else []
    return {**body, "metadata": {**metadata, **({"managedFields": found} if found else {})}}


def _check_version(key: Key, body: Json, before: Json) -> None:
    expected = body["metadata"].get("resourceVersion")
    if expected and expected != before["metadata"]["resourceVersion"]:
        raise modified(key)


def _patched(before: Json, content_type: str, patch: Any) -> Any:
    if content_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise PatchFailed("a JSON patch is a list of operations")
        return json_patch(before, patch)
    if not isinstance(patch, dict):
        raise PatchFailed("the patch must be an object")
    return strategic_merge(before, patch) if content_type == STRATEGIC else merge(before, patch)
