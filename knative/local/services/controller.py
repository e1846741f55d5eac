"""Services: a revision per template, traffic only to revisions that are ready, a status that says so."""

from __future__ import annotations

import random
from dataclasses import dataclass

from knative.local.addresses import Addresses
from knative.local.errors import NotServed
from knative.local.log import say
from knative.local.resources.kinds import CONFIGURATION, REVISION, ROUTE, Json
from knative.local.resources.objects import Key, condition, ready_of, with_times
from knative.local.resources.store import Store
from knative.local.services.pool import Pool
from knative.local.services.revisions import SERVICE_LABEL, Revisions
from knative.local.services.traffic import Split, split_of, tags_of

_LATEST: list[Json] = [{"latestRevision": True, "percent": 100}]


@dataclass(frozen=True)
class _Routes:
    names: dict[str, Split]


class Services:
    """Reconciles Services and answers where a request to one of them goes."""

    def __init__(self, store: Store, revisions: Revisions, addresses: Addresses) -> None:
        self._store = store
        self._revisions = revisions
        self._addresses = addresses
        self._routes: dict[tuple[str, str], _Routes] = {}
        self._by_name: dict[tuple[str, str], Split] = {}
        self._draw = random.Random()  # noqa: S311 - shares, not secrets

    def pool_for(self, namespace: str, name: str) -> Pool:
        """Return the pool for one request to `name`, a Service or `<tag>-<service>`.

        Raises:
            NotServed: 404 when there is no such Service or tag, 503 when none of its revisions is ready.
        """
        split = self._by_name.get((namespace, name))
        if split is None:
            raise NotServed(404, f"no Service or tag {name} in namespace {namespace}")
        revision = split.pick(self._draw)
        pool = self._revisions.pools.get((namespace, revision)) if revision else None
        if pool is None:
            raise NotServed(503, f"no revision of {name} is ready yet")
        return pool

    def names(self) -> list[tuple[str, str]]:
        """Return (namespace, name) of everything that is served, tags included."""
        return sorted(self._by_name)

    def reconcile(self, key: Key) -> None:
        """Bring the Service at `key` to what its spec asks for."""
        service = self._store.find(key)
        if service is None:
            self._remove(key)
            return
        created, taken = self._latest_created(key, service)
        service = self._store.get(key)
        status: Json = dict(service.get("status") or {})
        status["latestCreatedRevisionName"] = created["metadata"]["name"]
        if ready_of(created) == "True" and not taken:
            if status.get("latestReadyRevisionName") != created["metadata"]["name"]:
                say("revision serves", service=key.name, revision=created["metadata"]["name"])
            status["latestReadyRevisionName"] = created["metadata"]["name"]
        traffic, missing = self._traffic(key, service, status)
        if traffic is not None:
            status["traffic"] = traffic
        self._route(key, status)
        status["url"] = self._addresses.service(key.namespace, key.name)
        if status.get("traffic"):
            status["address"] = {"url": self._addresses.service_by_path(key.namespace, key.name)}
        status["observedGeneration"] = service["metadata"]["generation"]
        configured = _configured(created, taken)
        routed = _routed(missing, traffic is not None)
        ready = _both(configured, routed)
        status["conditions"] = with_times([configured, ready, routed], status.get("conditions") or ())
        self._store.set_status(key, status)
        self._mirror(key, service, status)
        used = {status.get("latestReadyRevisionName"), status["latestCreatedRevisionName"]}
        named = {t.get("revisionName") for t in service["spec"].get("traffic") or ()}
        served = {t["revisionName"] for t in status.get("traffic") or ()}
        self._revisions.keep_only(key.namespace, key.name, {name for name in used | named | served if name})

    def _latest_created(self, key: Key, service: Json) -> tuple[Json, str]:
        """Return the revision of the template, made if new, and why its name is taken, if it is."""
        template = service["spec"]["template"]
        configuration = self._configuration(key, template)
        generation = configuration["metadata"]["generation"]
        name = (template.get("metadata") or {}).get("name") or f"{key.name}-{generation:05d}"
        revision_key = Key(REVISION, key.namespace, name)
        revision = self._store.find(revision_key)
        if revision is None:
            first = not (service.get("status") or {}).get("latestReadyRevisionName")
            notes = (template.get("metadata") or {}).get("annotations") or {}
            at_zero = notes.get("autoscaling.knative.dev/initial-scale") == "0"
            prove = not at_zero and not (first and self._store.manifest_of(key) is not None)
            revision = self._revisions.make(service, name, generation, prove=prove)
            say("revision created", service=key.name, revision=name)
        elif (
            revision["spec"] != template["spec"] or revision["metadata"]["labels"][SERVICE_LABEL] != key.name
        ):
            return revision, f"the revision {name} exists already with another template; name a new one"
        self._revisions.report(revision_key)
        return self._store.get(revision_key), ""

    def _configuration(self, key: Key, template: Json) -> Json:
        config_key = Key(CONFIGURATION, key.namespace, key.name)
        known = self._store.find(config_key)
        if known is not None and known["spec"]["template"] == template:
            return known
        body: Json = {
            "apiVersion": CONFIGURATION.api_version,
            "kind": "Configuration",
            "metadata": {"name": key.name, "labels": {SERVICE_LABEL: key.name}},
            "spec": {"template": template},
        }
        return self._store.replace(config_key, body) if known else self._store.create(config_key, body)

    def _traffic(self, key: Key, service: Json, status: Json) -> tuple[list[Json] | None, str]:
        """Return the targets to serve, or None and what is missing for them."""
        served = {target["revisionName"] for target in status.get("traffic") or ()}
        resolved: list[Json] = []
        targets: list[Json] = service["spec"].get("traffic") or _LATEST
        for target in targets:
            latest = bool(target.get("latestRevision"))
            name: str = (status.get("latestReadyRevisionName") if latest else target["revisionName"]) or ""
            if not name:
                return None, f'Configuration "{key.name}" is waiting for a Revision to become ready.'
            revision = self._store.find(Key(REVISION, key.namespace, name))
            if revision is None:
                return None, f'Revision "{name}" referenced in traffic not found.'
            if ready_of(revision) != "True" and name not in served and not latest:
                return None, f'Revision "{name}" is not yet ready.'
            entry: Json = {
                "revisionName": name,
                "latestRevision": latest,
                "percent": target.get("percent") or 0,
            }
            if target.get("tag"):
                entry["tag"] = target["tag"]
                entry["url"] = self._addresses.service(key.namespace, key.name, target["tag"])
            resolved.append(entry)
        return resolved, ""

    def _route(self, key: Key, status: Json) -> None:
        """Send requests where `status.traffic` says; only its revisions are reachable."""
        traffic = status.get("traffic") or []
        names = {key.name: split_of(traffic)}
        for tag, revision in tags_of(traffic).items():
            names[f"{tag}-{key.name}"] = Split((revision,), (100.0,))
        place = (key.namespace, key.name)
        for gone in self._routes.get(place, _Routes({})).names:
            self._by_name.pop((key.namespace, gone), None)
        self._routes[place] = _Routes(names)
        for name, split in names.items():
            self._by_name[(key.namespace, name)] = split
        reachable = {target["revisionName"] for target in traffic}
        for made in self._revisions.of(key.namespace, key.name):
            pool = self._revisions.pool_of(made)
            if pool is not None:
                pool.reachable = made["metadata"]["name"] in reachable
                pool.scale()

    def _mirror(self, key: Key, service: Json, status: Json) -> None:
        """Keep the Configuration's and the Route's status in step with the Service's."""
        names: tuple[str, ...] = ("latestCreatedRevisionName", "latestReadyRevisionName", "conditions")
        config_status = {name: value for name, value in status.items() if name in names}
        self._store.set_status(Key(CONFIGURATION, key.namespace, key.name), config_status)
        route_key = Key(ROUTE, key.namespace, key.name)
        spec = {"traffic": service["spec"].get("traffic") or _LATEST}
        body: Json = {
            "apiVersion": ROUTE.api_version,
            "kind": "Route",
            "metadata": {"name": key.name, "labels": {SERVICE_LABEL: key.name}},
            "spec": spec,
        }
        known = self._store.find(route_key)
        if known is None:
            self._store.create(route_key, body)
        elif known["spec"] != spec:
            self._store.replace(route_key, body)
        shown = ("traffic", "url", "address", "conditions")
        route_status = {name: value for name, value in status.items() if name in shown}
        self._store.set_status(route_key, route_status)

    def _remove(self, key: Key) -> None:
        place = (key.namespace, key.name)
        for gone in self._routes.pop(place, _Routes({})).names:
            self._by_name.pop((key.namespace, gone), None)
        for revision in self._revisions.of(*place):
            self._store.delete(Key(REVISION, key.namespace, revision["metadata"]["name"]))
        for kind in (CONFIGURATION, ROUTE):
            if self._store.find(Key(kind, *place)) is not None:
                self._store.delete(Key(kind, *place))


def _configured(created: Json, taken: str) -> dict[str, str]:
    if taken:
        return condition("ConfigurationsReady", False, "RevisionNameTaken", taken)
    ready = ready_of(created)
    if ready == "True":
        return condition("ConfigurationsReady", True)
    why = next(c for c in created["status"]["conditions"] if c["type"] == "Ready")
    if ready == "False":
        name = created["metadata"]["name"]
        message = f'Revision "{name}" failed with message: {why.get("message", "")}'
        return condition("ConfigurationsReady", False, "RevisionFailed", message)
    return condition("ConfigurationsReady", None, why.get("reason", ""), why.get("message", ""))


def _routed(missing: str, routed: bool) -> dict[str, str]:
    if routed:
        return condition("RoutesReady", True)
    gone = "not found" in missing
    return condition("RoutesReady", False if gone else None, "RevisionMissing", missing)


def _both(configured: dict[str, str], routed: dict[str, str]) -> dict[str, str]:
    for part in (configured, routed):
        if part["status"] == "False":
            return {**part, "type": "Ready"}
    for part in (configured, routed):
        if part["status"] == "Unknown":
            return {**part, "type": "Ready"}
    return condition("Ready", True)
