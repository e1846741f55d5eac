"""Decides a rollout's next step from what was asked for and what the platform shows. Pure.

A rollout replaces the champion: the new version's revision is created beside it, traffic moves once that is
ready, and where it never becomes ready nothing moves at all. `next_action` remembers no steps: the same state
and the same observation give the same action, so a step may be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

FUNCTION = "roll_out_model"

PASSING = frozenset(
    {"", "Deploying", "Unschedulable", "NotReady", "Unknown", "ResolvingDigests", "RevisionMissing"}
)
"""Reasons of a revision that is not ready which may pass; any other one of a failed revision is final."""


@dataclass(frozen=True)
class Wanted:
    """One version of a model, to be served from its file."""

    model: str
    version: int
    uri: str
    sha256: str

    @property
    def revision(self) -> str:
        """The revision's name."""
        return revision_of(self.model, self.version)


def revision_of(model: str, version: int) -> str:
    """Return the name of a version's revision."""
    return f"{model}-v{version}"


class Readiness(StrEnum):
    """What the platform says of a revision."""

    ABSENT = "absent"
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class RevisionStatus:
    """A revision's readiness, with the platform's reason and message."""

    readiness: Readiness
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Observed:
    """What the platform shows of a model. Of a Service that does not exist, nothing.

    Attributes:
        template: the revision that the Service's template names.
        revisions: the status of each revision that exists.
        pinned: percent by revision as asked for; the newest ready one, when asked for, is under "".
        serving: percent by revision as it is.
    """

    template: str | None = None
    revisions: Mapping[str, RevisionStatus] = field(default_factory=dict)
    pinned: Mapping[str, int] = field(default_factory=dict)
    serving: Mapping[str, int] = field(default_factory=dict)
    url: str | None = None

    def status(self, revision: str) -> RevisionStatus:
        """Return a revision's status, `ABSENT` for one that does not exist."""
        return self.revisions.get(revision, RevisionStatus(Readiness.ABSENT))


@dataclass(frozen=True)
class Rollout:
    """A rollout under way: the version, the champion beside it, and until when it may become ready."""

    wanted: Wanted
    champion: Wanted | None
    deadline: datetime


@dataclass(frozen=True)
class Deploy:
    """Make the revision exist, and keep all traffic on `keep` (None: on the newest ready revision)."""

    keep: str | None


@dataclass(frozen=True)
class Shift:
    """Send all traffic to the revision."""


@dataclass(frozen=True)
class Wait:
    """Look again later; `reason` says for what."""

    reason: str


@dataclass(frozen=True)
class Promote:
    """The revision has all traffic: the rollout is complete."""


@dataclass(frozen=True)
class RollBack:
    """The revision will not serve: take it away and say why."""

    message: str


Action = Deploy | Shift | Wait | Promote | RollBack


def next_action(rollout: Rollout, observed: Observed, now: datetime) -> Action:
    """Return the next step of a rollout.

    A Service that was deleted or edited by hand meanwhile is brought back to what the rollout asks for.
    """
    revision = rollout.wanted.revision
    status = observed.status(revision)
    if status.readiness is Readiness.FAILED and status.reason not in PASSING:
        return RollBack(f"{revision} did not become ready: {_why(status)}")
    if status.readiness is Readiness.READY:
        if observed.pinned == {revision: 100} and observed.serving == {revision: 100}:
            return Promote()
        if observed.pinned != {revision: 100}:
            return Shift()
    if now >= rollout.deadline:
        return RollBack(f"{revision} did not become ready in time: {_why(status)}")
    if observed.template != revision or status.readiness is Readiness.ABSENT:
        return Deploy(_keep(rollout, observed))
    return Wait(_why(status))


def _keep(rollout: Rollout, observed: Observed) -> str | None:
    """Return the revision that keeps the traffic meanwhile: the champion's, else the one that serves most."""
    if rollout.champion is not None:
        champion = rollout.champion.revision
        if observed.status(champion).readiness is not Readiness.ABSENT:
            return champion
    others = {name: share for name, share in observed.serving.items() if name != rollout.wanted.revision}
    return max(others, key=lambda name: others[name], default=None)


def _why(status: RevisionStatus) -> str:
    if status.readiness is Readiness.READY:
        return "it is ready, but the traffic was not moved to it"
    said = ": ".join(part for part in (status.reason, status.message) if part)
    return said or f"the platform reports it as {status.readiness}, without a reason"


class Place(StrEnum):
    """What becomes of an approved version."""

    START = "start"
    QUEUE = "queue"
    UNDER_WAY = "under way"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Standing:
    """Where a model stands when an approval comes: champion, version under way, version that waits."""

    champion: int | None = None
    active: int | None = None
    queued: int | None = None


def place_of(version: int, standing: Standing, *, by_person: bool) -> Place:
    """Tell what becomes of an approved version. A model has one rollout at a time, and one that waits.

    An approval by the gate that arrives after a newer version's is superseded. A person may approve any
    version, also an older one: that is how one goes back.
    """
    if version in (standing.active, standing.queued):
        return Place.UNDER_WAY
    newest = max(
        (v for v in (standing.champion, standing.active, standing.queued) if v is not None), default=0
    )
    if not by_person and version < newest:
        return Place.SUPERSEDED
    return Place.START if standing.active is None else Place.QUEUE
