"""The deployer's twin in memory: the same rules without a platform, for tests and dry runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from functions.roll_out_model.deployer import (
    FOREIGN,
    Observed,
    Readiness,
    Refused,
    ServedVersion,
    Status,
    Traffic,
    Unavailable,
)

PENDING = Status(Readiness.PENDING, "Deploying: its process starts")


@dataclass
class _Deployment:
    """One model: `requested` is what `shift` asked for, `in_force` what of it has taken effect."""

    latest: int
    requested: Traffic | None = None
    versions: dict[int, Status] = field(default_factory=dict)
    serving: dict[int, int] = field(default_factory=dict)
    in_force: Traffic | None = None

    def catch_up(self) -> None:
        """Do what the platform does some time after it was asked."""
        self.versions.setdefault(self.latest, PENDING)

    def is_ready(self, version: int | None) -> bool:
        return version is None or self.versions.get(version, PENDING).readiness is Readiness.READY

    def route(self) -> None:
        """Move the traffic if everybody in it is ready; else all stays as it is."""
        wanted = self.requested or Traffic(self.latest)
        if all(self.is_ready(each) for each in (wanted.champion, wanted.challenger, wanted.previous)):
            self.serving, self.in_force = wanted.shares, self.requested
        self.serving = {each: share for each, share in self.serving.items() if each in self.versions}


class MemoryDeployer:
    """A `Deployer` whose versions stay pending until `make_ready` or the like is called.

    As on Knative, a version appears some time after it was deployed: the first `observe` does not see it yet.
    `unavailable` makes every call raise; `calls` lists what was changed; `mirrors` says from whom to whom
    requests are copied, by model.
    """

    former_can_watch = True

    def __init__(self) -> None:
        self.unavailable = False
        self.calls: list[str] = []
        self.mirrors: dict[str, tuple[int, int]] = {}
        self._deployments: dict[str, _Deployment] = {}

    def make_ready(self, model: str, version: int) -> None:
        """Let a version become ready."""
        self._report(model, version, Status(Readiness.READY))

    def make_failed(self, model: str, version: int, reason: str) -> None:
        """Let a version fail for good."""
        self._report(model, version, Status(Readiness.FAILED, reason))

    def make_crashed(self, model: str, version: int, reason: str) -> None:
        """Let a version's process end; it is started again."""
        self._report(model, version, Status(Readiness.CRASHED, reason))

    def delete_by_hand(self, model: str) -> None:
        """Delete what is deployed of a model, as a person would: the mirror stays."""
        self._deployments.pop(model, None)

    def shift_by_hand(self, model: str, version: int) -> None:
        """Send all traffic to a version, as a person would."""
        self._deployments[model].requested = Traffic(version)
        self._deployments[model].route()

    def mirror_by_hand(self, model: str) -> None:
        """Send copies to nobody of ours, as a person would."""
        self.mirrors[model] = (FOREIGN, FOREIGN)

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        self._answer()
        found = self._deployments.get(model)
        if found is None:
            return Observed()
        seen = Observed(
            found.latest,
            dict(found.versions),
            found.requested,
            dict(found.serving),
            found.requested is not None and found.in_force == found.requested,
            f"http://{model}.kascade.localhost",
            self.mirrors[model][1] if model in self.mirrors else None,
        )
        found.catch_up()
        return seen

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"deploy {version.name} keep {keep or 'what serves'}")
        found = self._deployments.setdefault(version.model, _Deployment(version.version))
        others = found.versions.keys() - {version.version}
        if keep not in others:
            shares = {each: share for each, share in found.serving.items() if each in others}
            keep = max(shares, key=lambda each: shares[each], default=None)
        found.latest, found.requested = version.version, None if keep is None else Traffic(keep)
        found.route()

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"shift {traffic}")
        if model not in self._deployments:
            raise Refused(f"{model} is not deployed")
        self._deployments[model].requested = traffic
        self._deployments[model].route()

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"mirror {traffic}")
        self._stop_mirror(model)
        if traffic is not None and traffic.challenger is not None:
            self.mirrors[model] = (traffic.champion, traffic.challenger)

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"remove {version} for {fallback.version}")
        self._stop_mirror(model)
        found = self._deployments.setdefault(model, _Deployment(fallback.version))
        exists = fallback.version in found.versions
        found.latest, found.requested = fallback.version, Traffic(fallback.version) if exists else None
        found.catch_up()
        found.versions.pop(version, None)
        found.route()

    def delete(self, model: str) -> bool:
        """See `Deployer`."""
        self._answer()
        self.calls.append(f"delete {model}")
        self._stop_mirror(model)
        self.delete_by_hand(model)
        return True

    def _stop_mirror(self, model: str) -> None:
        self.mirrors.pop(model, None)

    def _report(self, model: str, version: int, status: Status) -> None:
        self._deployments[model].versions[version] = status
        self._deployments[model].route()

    def _answer(self) -> None:
        if self.unavailable:
            raise Unavailable("made unavailable by a test")
