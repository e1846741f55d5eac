"""Services: a revision per template, traffic only to revisions that are ready, a status that says so."""

from __future__ import annotations

import random
from collections.abc import Callable

from knative.local.addresses import Addresses
from knative.local.errors import NotServed
from knative.local.log import info
from knative.local.resources.defaulting import revision_name
from knative.local.resources.kinds import BROKER, CONFIGURATION, REVISION, ROUTE, Json
from knative.local.resources.objects import Key, conditions_of, key_of, labels_of, ready_of, status_of
from knative.local.resources.store import Store
from knative.local.services import conditions
from knative.local.services.lag import Lag, Stage
from knative.local.services.pool import Pool
from knative.local.services.revisions import SERVICE_LABEL, Revisions
from knative.local.services.traffic import Split, split_of, tags_of

_LATEST: list[Json] = [{"latestRevision": True, "percent": 100}]
_WAITING = 'Configuration "{}" is waiting for a Revision to become ready.'
_VISIBILITY = "networking.knative.dev/visibility"
_CONFIGURATION_LABEL = "serving.knative.dev/configurationGeneration"


class Services:
    """Reconciles Services and answers where a request to one of them goes."""

    def __init__(
        self, store: Store, revisions: Revisions, addresses: Addresses, again: Callable[[Key], None]
    ) -> None:
        """`again` has a Service reconciled once more."""
        self.lag = Lag(again)
        self._store = store
        self._revisions = revisions
        self._addresses = addresses
        self._names: dict[tuple[str, str], list[str]] = {}
        self._by_name: dict[tuple[str, str], Split] = {}
        self._private: set[tuple[str, str]] = set()
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
        """Return (namespace, name) of everything that is served to outsiders, tags included."""
        return sorted(place for place in self._by_name if place not in self._private)

    def namespaces_of(self, name: str) -> list[str]:
        """Return the namespaces that have a Service or tag of that name, private ones too."""
        return sorted(namespace for namespace, known in self._by_name if known == name)

    def knows(self, namespace: str, name: str) -> bool:
        """Tell whether there is a Service or tag of that name."""
        return (namespace, name) in self._by_name

    def is_private(self, namespace: str, name: str) -> bool:
        """Tell whether a Service or tag is there, and only for what runs inside."""
        return (namespace, name) in self._private

    def reconcile(self, key: Key) -> None:
        """Bring the Service at `key` to what its spec asks for."""
        service = self._store.find(key)
        if service is None:
            self._remove(key)
            return
        match self.lag.stage(key, service["metadata"]["generation"]):
            case Stage.UNSEEN:
                return
            case Stage.CONFIGURED:
                self._configuration(key, service["spec"]["template"])
                self._report_out_of_date(key, service)
            case Stage.REVISED:
                self._revise(key, service)

    def _report_out_of_date(self, key: Key, service: Json) -> None:
        known = (dict(c) for c in conditions_of(service) if c["type"] == "RoutesReady")
        routes = next(known, None) or conditions.routed(_WAITING.format(key.name), "")
        status = {
            **status_of(service),
            "conditions": conditions.all_of(conditions.OUT_OF_DATE, routes),
            "observedGeneration": service["metadata"]["generation"],
        }
        self._store.set_status(key, status)

    def _revise(self, key: Key, service: Json) -> None:
        created, taken = self._latest_created(key, service)
        service = self._store.get(key)
        status: Json = dict(status_of(service))
        if not taken:
            status["latestCreatedRevisionName"] = created["metadata"]["name"]
        if ready_of(created) == "True" and not taken:
            if status.get("latestReadyRevisionName") != created["metadata"]["name"]:
                info("revision serves", service=key.name, revision=created["metadata"]["name"])
            status["latestReadyRevisionName"] = created["metadata"]["name"]
        private = labels_of(service).get(_VISIBILITY) == "cluster-local"
        traffic, missing = (None, "") if taken else self._traffic(key, service, status, private)
        if traffic is not None:
            status["traffic"] = traffic
        self._route(key, status, private)
        status["url"] = self._addresses.url(key.namespace, key.name, private=private)
        if status.get("traffic"):
            status["address"] = {"url": self._addresses.service_by_path(key.namespace, key.name)}
        status["observedGeneration"] = service["metadata"]["generation"]
        status["conditions"] = conditions.all_of(
            conditions.configured(created, taken), conditions.routed(missing, taken)
        )
        self._store.set_status(key, status)
        self._mirror(key, service, status)
        self._keep_only_used(key, service, status)

    def _keep_only_used(self, key: Key, service: Json, status: Json) -> None:
        used = {status.get("latestReadyRevisionName"), status.get("latestCreatedRevisionName")}
        named = {t.get("revisionName") for t in service["spec"].get("traffic") or ()}
        served = {t["revisionName"] for t in status.get("traffic") or ()}
        self._revisions.keep_only(key.namespace, key.name, {name for name in used | named | served if name})

    def _latest_created(self, key: Key, service: Json) -> tuple[Json, str]:
        """Return the revision of the template, made if new, and its name if another one has it."""
        template = service["spec"]["template"]
        generation = self._configuration(key, template)["metadata"]["generation"]
        name = revision_name(template) or f"{key.name}-{generation:05d}"
        revision_key = Key(REVISION, key.namespace, name)
        revision = self._store.find(revision_key)
        if revision is None:
            self._revisions.make(service, name, generation, prove=self._is_to_be_proved(key, service))
            info("revision created", service=key.name, revision=name)
        elif not _is_revision_of(revision, key, template, generation):
            return revision, name
        self._revisions.report(revision_key)
        return self._store.get(revision_key), ""

    def _is_to_be_proved(self, key: Key, service: Json) -> bool:
        """Tell whether a new revision has to become ready before it gets traffic.

        The first one of a manifest's Service need not, so that a start does not start everything. It must
        where it would start anyway, and where a Broker waits for its address.
        """
        if status_of(service).get("latestReadyRevisionName") or self._store.manifest_of(key) is None:
            return True
        return self._revisions.starts_anyway(service) or self._is_dead_letter_sink(key)

    def _is_dead_letter_sink(self, key: Key) -> bool:
        for broker in self._store.all_of(BROKER):
            sink = ((broker.get("spec") or {}).get("delivery") or {}).get("deadLetterSink") or {}
            ref = sink.get("ref") or {}
            place = ref.get("namespace") or broker["metadata"].get("namespace")
            if (ref.get("kind"), place, ref.get("name")) == ("Service", key.namespace, key.name):
                return True
        return False

    def _configuration(self, key: Key, template: Json) -> Json:
        config_key = Key(CONFIGURATION, key.namespace, key.name)
        return self._store.put(config_key, {"metadata": _metadata(key), "spec": {"template": template}})

    def _traffic(self, key: Key, service: Json, status: Json, private: bool) -> tuple[list[Json] | None, str]:
        """Return the targets to serve, or None and what is missing for them."""
        served = {target["revisionName"] for target in status.get("traffic") or ()}
        resolved: list[Json] = []
        targets: list[Json] = service["spec"].get("traffic") or _LATEST
        for target in targets:
            latest = bool(target.get("latestRevision"))
            name: str = (status.get("latestReadyRevisionName") if latest else target["revisionName"]) or ""
            if not name:
                return None, _WAITING.format(key.name)
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
                entry["url"] = self._addresses.url(key.namespace, key.name, target["tag"], private=private)
            resolved.append(entry)
        return resolved, ""

    def _route(self, key: Key, status: Json, private: bool) -> None:
        """Send requests where `status.traffic` says; only its revisions are reachable."""
        traffic = status.get("traffic") or []
        names = {key.name: split_of(traffic)}
        for tag, revision in tags_of(traffic).items():
            names[f"{tag}-{key.name}"] = Split((revision,), (100.0,))
        place = (key.namespace, key.name)
        self._unroute(place)
        self._names[place] = list(names)
        for name, split in names.items():
            self._by_name[(key.namespace, name)] = split
            if private:
                self._private.add((key.namespace, name))
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
        self._store.put(route_key, {"metadata": _metadata(key), "spec": spec})
        shown = ("traffic", "url", "address", "conditions")
        route_status = {name: value for name, value in status.items() if name in shown}
        self._store.set_status(route_key, route_status)

    def _unroute(self, place: tuple[str, str]) -> None:
        for gone in self._names.pop(place, ()):
            self._by_name.pop((place[0], gone), None)
            self._private.discard((place[0], gone))

    def _remove(self, key: Key) -> None:
        place = (key.namespace, key.name)
        self.lag.forget(key)
        self._unroute(place)
        for revision in self._revisions.of(*place):
            self._store.delete(key_of(REVISION, revision))
        for kind in (CONFIGURATION, ROUTE):
            if self._store.find(Key(kind, *place)) is not None:
                self._store.delete(Key(kind, *place))


def _metadata(key: Key) -> Json:
    """Return the metadata of a Service's Configuration and of its Route."""
    return {"name": key.name, "labels": {SERVICE_LABEL: key.name}}


def _is_revision_of(revision: Json, key: Key, template: Json, generation: int) -> bool:
    """Tell whether a revision that has the name wanted is the one wanted: Knative's CheckNameAvailability."""
    labels = labels_of(revision)
    if labels.get(SERVICE_LABEL) != key.name:
        return False
    return labels.get(_CONFIGURATION_LABEL) == str(generation) or bool(revision["spec"] == template["spec"])
