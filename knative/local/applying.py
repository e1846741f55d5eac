"""Bringing the store to what the manifests say, as `kubectl apply --prune` would."""

from __future__ import annotations

from collections.abc import Iterable

from knative.local.api.admission import changes_refused, normalised
from knative.local.errors import ManifestError
from knative.local.log import info
from knative.local.manifests.documents import Manifest
from knative.local.resources.defaulting import defaulted
from knative.local.resources.fields import Problem
from knative.local.resources.kinds import JOB, NAMESPACE, Json, kind_of
from knative.local.resources.objects import Key, key_of
from knative.local.resources.store import Store

_WAY_OUT = "a cluster refuses this change: give it another name, or start once without it"


def apply(store: Store, manifests: Iterable[Manifest]) -> None:
    """Create, change and delete the objects that come from manifests; what the API made is left alone.

    An object that the API changed since keeps that change until its manifest changes.

    Raises:
        ManifestError: a manifest is of a kind that the runtime does not know, or changes what may not change.
    """
    files = {_key_of(manifest): manifest for manifest in manifests}
    wanted = {key: manifest.body for key, manifest in files.items()}
    for key in list(store.every_key()):
        if key not in wanted and store.manifest_of(key) is not None and key.kind is not NAMESPACE:
            store.delete(key)
            info("object deleted", object=str(key), why="no manifest names it any more")
    for namespace in ["default", *(key.namespace for key in wanted if key.namespace)]:
        key = Key(NAMESPACE, "", namespace)
        if store.find(key) is None and key not in wanted:
            store.create(key, {"metadata": {"name": namespace}}, manifest={})
    problems = []
    for key, manifest in files.items():
        found = _apply(store, key, manifest.body)
        problems += [f"{manifest}: {problem}; {_WAY_OUT}" for problem in found]
    if problems:
        raise ManifestError(problems)


def _key_of(manifest: Manifest) -> Key:
    kind = kind_of(manifest.body)
    if kind is None:
        raise ManifestError([f"{manifest}: not a kind the local runtime knows"])
    return key_of(kind, manifest.body)


def _apply(store: Store, key: Key, body: Json) -> list[Problem]:
    """Bring one object to what its manifest says; return what about it may not change."""
    given = {name: value for name, value in body.items() if name != "status"}
    fresh = normalised(key, defaulted(given))
    known = store.find(key)
    if known is None:
        store.create(key, fresh, manifest=body)
        return []
    if store.manifest_of(key) == body:
        return []
    if key.kind is JOB and known["spec"] != fresh["spec"]:
        store.delete(key)
        store.create(key, fresh, manifest=body)
        info("job made anew", job=key.name, why="its manifest changed")
        return []
    metadata = {k: v for k, v in fresh["metadata"].items() if k != "resourceVersion"}
    if problems := changes_refused(key, fresh, known):
        return problems
    store.replace(key, {**fresh, "metadata": metadata}, manifest=body)
    return []
