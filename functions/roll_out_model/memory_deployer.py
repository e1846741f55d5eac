"""The deployer's twin in memory: the same rules without a platform, for tests and dry runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from functions.roll_out_model.deployer import Refused, Unavailable
from functions.roll_out_model.logic import Observed, Readiness, RevisionStatus, Route, Wanted

PENDING = RevisionStatus(Readiness.PENDING, "Deploying", "its process starts")
LATEST = ""


@dataclass
class _Service:
    template: str
    pinned: dict[str, int]
    revisions: dict[str, RevisionStatus] = field(default_factory=dict)
    serving: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    reachable: dict[str, str] = field(default_factory=dict)

    def catch_up(self) -> None:
        """Do what the platform does some time after it was asked."""
        self.revisions.setdefault(self.template, PENDING)


class MemoryDeployer:
    """A `Deployer` whose revisions stay pending until `make_ready` or `make_failed` is called.

    As on Knative, a revision appears some time after it was asked for: the first look does not see it yet.
    `unavailable` makes every call raise; `calls` lists what was changed.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self.calls: list[str] = []
        self._services: dict[str, _Service] = {}
        self.shadows: dict[str, tuple[int, str]] = {}

    def make_ready(self, model: str, revision: str) -> None:
        """Let a revision become ready."""
        self._report(model, revision, RevisionStatus(Readiness.READY))

    def make_failed(self, model: str, revision: str, reason: str, message: str) -> None:
        """Let a revision fail."""
        self._report(model, revision, RevisionStatus(Readiness.FAILED, reason, message))

    def delete(self, model: str) -> None:
        """Delete a Service, as by hand."""
        self._services.pop(model, None)

    def pin(self, model: str, traffic: dict[str, int]) -> None:
        """Change the traffic, as by hand."""
        self._services[model].pinned, self._services[model].tags = dict(traffic), {}
        self._route(model)

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        self._answer()
        service = self._services.get(model)
        if service is None:
            return Observed()
        seen = Observed(
            service.template,
            dict(service.revisions),
            dict(service.pinned),
            dict(service.serving),
            f"http://{model}.kascade.localhost",
            dict(service.tags),
            {tag: f"http://{tag}-{model}.kascade.svc.cluster.local" for tag in service.reachable},
            self.shadows[model][1] if model in self.shadows else None,
        )
        service.catch_up()
        return seen

    def ensure_revision(self, wanted: Wanted, keep: str | None) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"ensure {wanted.revision} keep {keep or 'latest'}")
        self._ensure(wanted, keep)

    def _ensure(self, wanted: Wanted, keep: str | None) -> None:
        service = self._services.get(wanted.model)
        pinned = {keep or LATEST: 100}
        if service is None:
            service = self._services[wanted.model] = _Service(wanted.revision, pinned)
        service.template, service.pinned, service.tags = wanted.revision, pinned, {}
        self._route(wanted.model)

    def shift(self, model: str, route: Route) -> None:
        """See `Deployer`."""
        self._answer()
        told = [f"{name} {share}" for name, share in route.shares.items()]
        self.calls.append(
            "shift " + ", ".join([*told, *(f"{tag}={name}" for tag, name in route.tags.items())])
        )
        if model not in self._services:
            raise Refused(f"there is no Service {model}")
        service = self._services[model]
        service.pinned, service.tags = dict(route.shares), dict(route.tags)
        self._route(model)

    def copy(self, model: str, champion: int, address: str | None) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"copy v{champion} to {address or 'nobody'}")
        if address is None:
            self.shadows.pop(model, None)
        else:
            self.shadows[model] = (champion, address)

    def remove(self, model: str, revision: str, fallback: Wanted | None) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"remove {revision} for {fallback.revision if fallback else 'nothing'}")
        service = self._services.get(model)
        if fallback is None:
            self.delete(model)
            return
        known = service is not None and fallback.revision in service.revisions
        self._ensure(fallback, fallback.revision if known else None)
        service = self._services[model]
        service.catch_up()
        service.revisions.pop(revision, None)
        self._route(model)

    def _report(self, model: str, revision: str, status: RevisionStatus) -> None:
        self._services[model].revisions[revision] = status
        self._route(model)

    def _route(self, model: str) -> None:
        """Move the traffic if each target is ready; else all stays as it is."""
        service = self._services[model]
        latest = service.revisions.get(service.template, PENDING).readiness is Readiness.READY
        targets = {
            name or service.template: share for name, share in service.pinned.items() if name or latest
        }
        named = [*targets, *service.tags.values()]
        ready = [service.revisions.get(name, PENDING).readiness is Readiness.READY for name in named]
        if targets and all(ready):
            service.serving, service.reachable = targets, dict(service.tags)
        service.serving = {n: share for n, share in service.serving.items() if n in service.revisions}

    def _answer(self) -> None:
        if self.unavailable:
            raise Unavailable("told to be unavailable")
