"""The revisions of Services: made from templates, proved ready, deleted when no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from knative.local.errors import CannotStart
from knative.local.log import info
from knative.local.processes.workplace import Workplace
from knative.local.resources.kinds import REVISION, Json
from knative.local.resources.objects import Key, condition, key_of, labels_of, ready_of
from knative.local.resources.store import Store
from knative.local.services.launching import RevisionLauncher
from knative.local.services.plan import Defaults, plan_of
from knative.local.services.pool import Pool

SERVICE_LABEL = "serving.knative.dev/service"
_KEPT = 20

Bindings = Callable[[Json], dict[str, str]]


class Revisions:
    """Keeps a pool of replicas for every Revision in the store."""

    def __init__(
        self,
        store: Store,
        workplace: Workplace,
        defaults: Defaults,
        bindings: Bindings,
        on_change: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._workplace = workplace
        self._defaults = defaults
        self._bindings = bindings
        self._on_change = on_change
        self.pools: dict[tuple[str, str], Pool] = {}
        self._bound: dict[tuple[str, str], dict[str, str]] = {}
        self._leaving: set[Pool] = set()

    def of(self, namespace: str, service: str) -> list[Json]:
        """Return the revisions of a Service, oldest first."""
        found = [
            r for r in self._store.all_of(REVISION, namespace) if labels_of(r).get(SERVICE_LABEL) == service
        ]
        return sorted(found, key=_generation)

    def make(self, service: Json, name: str, generation: int, *, prove: bool) -> Json:
        """Add the revision that the template of `service` describes; ready at once if not to be proved."""
        metadata, template = service["metadata"], service["spec"]["template"]
        given = template.get("metadata") or {}
        labels = {
            **(given.get("labels") or {}),
            SERVICE_LABEL: metadata["name"],
            "serving.knative.dev/configuration": metadata["name"],
            "serving.knative.dev/configurationGeneration": str(generation),
        }
        body = {
            "metadata": {"name": name, "labels": labels, "annotations": dict(given.get("annotations") or {})},
            "spec": template["spec"],
        }
        key = Key(REVISION, metadata["namespace"], name)
        revision = self._store.create(key, body)
        pool = self.pool_of(revision)
        if pool is not None and not prove:
            self._store.set_status(key, {"conditions": _conditions(True), "observedGeneration": 1})
        self.report(key)
        return self._store.get(key)

    def starts_anyway(self, service: Json) -> bool:
        """Tell whether a Service keeps processes however few requests there are."""
        try:
            return plan_of(service["spec"]["template"], self._defaults).min_scale > 0
        except CannotStart:
            return True

    def pool_of(self, revision: Json) -> Pool | None:
        """Return the pool of a revision, made when missing; None, and a status, when it cannot run."""
        metadata = revision["metadata"]
        place = (metadata["namespace"], metadata["name"])
        if place in self.pools:
            return self.pools[place]
        template = {"metadata": metadata, "spec": revision["spec"]}
        service = labels_of(revision)[SERVICE_LABEL]
        try:
            plan = plan_of(template, self._defaults)
        except CannotStart as error:
            self._set_ready(revision, False, "CannotStart", str(error))
            return None
        launcher = RevisionLauncher(revision, plan, self._store, self._workplace, self._environment)
        pool = Pool(metadata["name"], plan, launcher, lambda: self._on_change(metadata["namespace"], service))
        self.pools[place] = pool
        return pool

    def report(self, key: Key) -> None:
        """Write what its pool knows into a revision's status; prove it if that was never done."""
        revision = self._store.find(key)
        pool = self.pool_of(revision) if revision else None
        if revision is None or pool is None:
            return
        if pool.failure is not None:
            self._set_ready(revision, False, pool.failure.reason, pool.failure.message)
        elif pool.proved or ready_of(revision) == "True":
            self._set_ready(revision, True)
        else:
            self._set_ready(revision, None, "Deploying", "waiting for the first replica to become ready")
            pool.prove()

    def forget(self, key: Key) -> None:
        """Stop the replicas of a revision that is no more; requests in hand end first."""
        pool = self.pools.pop((key.namespace, key.name), None)
        if pool is not None and pool not in self._leaving:
            self._leaving.add(pool)
            pool.dismiss(self._leaving.discard)

    def keep_only(self, namespace: str, service: str, needed: Iterable[str]) -> None:
        """Delete the oldest revisions of a Service beyond the last twenty that nobody needs."""
        spare = [r["metadata"]["name"] for r in self.of(namespace, service)]
        spare = [name for name in spare if name not in set(needed)]
        for name in spare[: max(0, len(spare) - _KEPT)]:
            self._store.delete(Key(REVISION, namespace, name))
            info("revision deleted", revision=name, namespace=namespace)

    def rebind(self) -> None:
        """Replace the replicas whose SinkBinding variables are no longer what they were started with."""
        for (namespace, name), pool in self.pools.items():
            revision = self._store.find(Key(REVISION, namespace, name))
            started_with = self._bound.get((namespace, name))
            if revision is not None and started_with is not None and started_with != self._bindings(revision):
                pool.recycle()

    def tick(self) -> None:
        """Let every pool scale by the clock."""
        for pool in tuple(self.pools.values()):
            pool.tick()

    async def close(self) -> None:
        """Stop every process."""
        for pool in tuple(self.pools.values()):
            self._leaving.add(pool)
        for pool in tuple(self._leaving):
            pool.dismiss(self._leaving.discard)
        for pool in tuple(self._leaving):
            await pool.close()

    def _environment(self, revision: Json) -> dict[str, str]:
        metadata = revision["metadata"]
        bound = self._bindings(revision)
        self._bound[(metadata["namespace"], metadata["name"])] = bound
        return bound

    def _set_ready(self, revision: Json, ready: bool | None, reason: str = "", message: str = "") -> None:
        key = key_of(REVISION, revision)
        pool = self.pools.get((key.namespace, key.name))
        self._store.set_status(
            key,
            {
                "observedGeneration": revision["metadata"]["generation"],
                "conditions": _conditions(ready, reason, message),
                "actualReplicas": pool.ready_replicas if pool else 0,
                "logUrl": str(self._workplace.log(key.namespace, key.name)),
            },
        )


def _conditions(ready: bool | None, reason: str = "", message: str = "") -> list[dict[str, str]]:
    return [condition(type_, ready, reason, message) for type_ in ("ContainerHealthy", "Ready")]


def _generation(revision: Json) -> int:
    return int(labels_of(revision)["serving.knative.dev/configurationGeneration"])
