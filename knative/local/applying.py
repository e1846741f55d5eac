"""Bringing the store to what the manifests say, as `kubectl apply --prune` would."""

from __future__ import annotations

from collections.abc import Iterable

from knative.local.api.admission import normalised
from knative.local.errors import ManifestError
from knative.local.log import say
from knative.local.manifests.documents import Manifest
from knative.local.resources.kinds import JOB, NAMESPACE, Json, kind_of
from knative.local.resources.objects import Key
from knative.local.resources.store import Store


def apply(store: Store, manifests: Iterable[Manifest]) -> None:
    """Create, change and delete the objects that come from manifests; what the API made is left alone.

    An object that the API changed since keeps that change until its manifest changes.

    Raises:
        ManifestError: a manifest is of a kind that the runtime does not know.
    """
    wanted = {key_of(manifest): manifest.body for manifest in manifests}
    for key in list(store.every_key()):
        if key not in wanted and store.manifest_of(key) is not None and key.kind is not NAMESPACE:
            store.delete(key)
            say("object deleted", object=str(key), why="no manifest names it any more")
    for namespace in ["default", *(key.namespace for key in wanted if key.namespace)]:
        key = Key(NAMESPACE, "", namespace)
        if store.find(key) is None and key not in wanted:
            store.create(key, {"metadata": {"name": namespace}}, manifest={})
    for key, body in wanted.items():
        _apply(store, key, body)


def key_of(manifest: Manifest) -> Key:
    """Return the key of a manifest's object. Raises ManifestError for a kind that is not known."""
    kind = kind_of(manifest.body)
    if kind is None:
        raise ManifestError([f"{manifest}: not a kind the local runtime knows"])
    metadata = manifest.body["metadata"]
    return Key(kind, metadata.get("namespace", "") if kind.namespaced else "", metadata["name"])


def _apply(store: Store, key: Key, body: Json) -> None:
    fresh = normalised(key, {name: value for name, value in body.items() if name != "status"})
    known = store.find(key)
    if known is None:
        store.create(key, fresh, manifest=body)
        return
    if store.manifest_of(key) == body:
        return
    if key.kind is JOB and known["spec"] != fresh["spec"]:
        store.delete(key)
        store.create(key, fresh, manifest=body)
        say("job made anew", job=key.name, why="its manifest changed")
        return
    metadata = {k: v for k, v in fresh["metadata"].items() if k != "resourceVersion"}
    store.replace(key, {**fresh, "metadata": metadata}, manifest=body)
