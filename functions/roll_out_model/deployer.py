"""The port to the platform that serves models: what it is asked for, what it shows, and its errors.

DeployerError
├── Unavailable   the platform does not answer: try again later
└── Refused       the platform will never do what it was asked for
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

FOREIGN = 0
"""Stands for a target of requests or copies that is no version of the model; versions count from 1."""


class DeployerError(Exception):
    """The base of what a deployer raises."""


class Unavailable(DeployerError):
    """The platform does not answer, or asks to try again."""


class Refused(DeployerError):
    """The platform refuses what it was asked for, and would again."""


@dataclass(frozen=True)
class ServedVersion:
    """One version of a model, to be served from its file."""

    model: str
    version: int
    uri: str
    sha256: str

    @property
    def name(self) -> str:
        """What the version is called where it is deployed, and in messages."""
        return version_name(self.model, self.version)


def version_name(model: str, version: int) -> str:
    """Return what a version is called where it is deployed."""
    return f"{model}-v{version}"


class Readiness(StrEnum):
    """What the platform says of a version.

    `PENDING` may become ready. `CRASHED` ended and is started again: while it has never served it may still
    become ready. `FAILED` will not.
    """

    ABSENT = "absent"
    PENDING = "pending"
    READY = "ready"
    CRASHED = "crashed"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """A version's readiness, with the platform's reason in words."""

    readiness: Readiness
    reason: str = ""


@dataclass(frozen=True)
class Traffic:
    """Who answers a model's requests.

    Attributes:
        champion: answers all but the challenger's share.
        challenger: the version beside it, which runs also while it has no share.
        percent: the challenger's share.
        previous: the champion before, which is kept running to go back to.
    """

    champion: int
    challenger: int | None = None
    percent: int = 0
    previous: int | None = None

    @property
    def shares(self) -> dict[int, int]:
        """Percent by version, of those that have a share."""
        shares = {self.champion: 100 - self.percent}
        return (
            shares
            if self.challenger is None or not self.percent
            else {**shares, self.challenger: self.percent}
        )


@dataclass(frozen=True)
class Observed:
    """What the platform shows of a model. Of one that is not deployed, nothing.

    Attributes:
        latest: the version deployed last, also before it has appeared; None when it is none of ours.
        versions: the status of each version that exists.
        requested: the traffic as asked for; None when it is none that this port can ask for.
        serving: percent by version as it is.
        in_force: what was requested is so, and each version in it is running.
        url: where the model answers.
        mirror: the version that gets copies of the champion's requests; `FOREIGN` when they go elsewhere.
        keeps_previous: a former champion is kept running because it was asked for; otherwise the platform
            keeps it, or does not, by rules of its own, and nothing that was requested says so.
    """

    latest: int | None = None
    versions: Mapping[int, Status] = field(default_factory=dict)
    requested: Traffic | None = None
    serving: Mapping[int, int] = field(default_factory=dict)
    in_force: bool = False
    url: str | None = None
    mirror: int | None = None
    keeps_previous: bool = True

    def asks_for(self, traffic: Traffic) -> bool:
        """Say whether this traffic has been requested, as far as the platform can be asked for it."""
        return self.requested == (traffic if self.keeps_previous else replace(traffic, previous=None))

    def status(self, version: int) -> Status:
        """Return a version's status, `ABSENT` for one that does not exist."""
        return self.versions.get(version, Status(Readiness.ABSENT))


class Deployer(Protocol):
    """Serves versions of models. Every method may be repeated; all raise Unavailable and Refused.

    A change is asked for at once and takes effect some time later: `observe` says when.

    Attributes:
        former_can_watch: the version before can answer copies of the new one's requests, as a probation
            needs. Where it cannot, a proven harm is answered in the usual phases.
    """

    @property
    def former_can_watch(self) -> bool:
        """See the class."""
        ...

    def observe(self, model: str) -> Observed:
        """Return what there is of a model; nothing where it is not deployed."""
        ...

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """Make a version exist, without traffic where another one serves.

        All traffic stays on the version `keep`. Where that is None or does not exist, it stays on the one
        that serves most; where nothing serves, it goes to the first that becomes ready.
        """
        ...

    def shift(self, model: str, traffic: Traffic) -> None:
        """Send the requests of a model so."""
        ...

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """Send copies of what the champion answers to the challenger as well; None: no more.

        The challenger runs already, by `shift`.
        """
        ...

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """Stop mirroring, send all traffic to `fallback`, deployed anew if need be, and take a version away.

        Raises Unavailable also while the platform has not caught up: the version goes at a later call.
        """
        ...

    def delete(self, model: str) -> bool:
        """Stop mirroring and take the model away with all its versions; return whether it has gone."""
        ...
