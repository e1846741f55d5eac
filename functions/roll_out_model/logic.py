"""Decides a rollout's next step from what was asked for and what the platform shows. Pure.

The new version's revision is created beside the champion, and nothing moves before it is ready. Then it
replaces the champion, or answers copies of its requests (shadow), or some of them (canary), as told.
`next_action` remembers no steps: the same state and the same observation give the same action, so a step may
be repeated after a crash.
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
NEVER = "ExitCode4"
"""The reason of a model server that ended itself since no start of it will succeed: see serve_model."""


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
class Route:
    """Where a model's traffic goes: percent by revision, and revisions that are reachable under a tag."""

    shares: Mapping[str, int]
    tags: Mapping[str, str] = field(default_factory=dict)


CHALLENGER, PREVIOUS = "challenger", "previous"
"""Tags: of the version that is rolled out, and of the champion before, kept warm to go back to."""


@dataclass(frozen=True)
class Observed:
    """What the platform shows of a model. Of a Service that does not exist, nothing.

    Attributes:
        template: the revision that the Service's template names.
        revisions: the status of each revision that exists.
        pinned: percent by revision as asked for; the newest ready one, when asked for, is under "".
        serving: percent by revision as it is.
        tags: revision by tag, as asked for.
        tag_urls: address by tag, as it is, for who asks from inside the platform.
        shadow: where copies of the champion's requests are sent, None when nowhere.
        current: what is said to be as it is follows from all that was asked for; else it may be from before.
    """

    template: str | None = None
    revisions: Mapping[str, RevisionStatus] = field(default_factory=dict)
    pinned: Mapping[str, int] = field(default_factory=dict)
    serving: Mapping[str, int] = field(default_factory=dict)
    url: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_urls: Mapping[str, str] = field(default_factory=dict)
    shadow: str | None = None
    current: bool = True

    def status(self, revision: str) -> RevisionStatus:
        """Return a revision's status, `ABSENT` for one that does not exist."""
        return self.revisions.get(revision, RevisionStatus(Readiness.ABSENT))

    def asks_for(self, route: Route) -> bool:
        """Say whether the traffic is asked to go so."""
        return self.pinned == route.shares and self.tags == route.tags

    def has(self, route: Route) -> bool:
        """Say whether the traffic goes so."""
        return (
            self.current
            and self.asks_for(route)
            and self.serving == route.shares
            and route.tags.keys() <= self.tag_urls.keys()
        )


class Stage(StrEnum):
    """What a rollout wants of the platform now."""

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"
    ABANDON = "abandon"


@dataclass(frozen=True)
class Rollout:
    """A rollout under way.

    Attributes:
        wanted: the version that is rolled out.
        champion: the version beside it.
        deadline: until when its revision must be ready.
        stage: what is wanted now; `ABANDON`: it is taken away for the reason in `message`.
        percent: of a canary.
        standing: a phase of it has stood already, so the deadline is past.
    """

    wanted: Wanted
    champion: Wanted | None
    deadline: datetime
    stage: Stage = Stage.REPLACE
    percent: int = 0
    message: str = ""
    standing: bool = False


@dataclass(frozen=True)
class Deploy:
    """Make the revision exist, and keep all traffic on `keep` (None: on the newest ready revision)."""

    keep: str | None


@dataclass(frozen=True)
class Shift:
    """Send the traffic so."""

    route: Route


@dataclass(frozen=True)
class Copy:
    """Send copies of what the champion answered to this address; None: no more."""

    to: str | None


@dataclass(frozen=True)
class Wait:
    """Look again later; `reason` says for what."""

    reason: str


@dataclass(frozen=True)
class Hold:
    """The phase stands as wanted: the judge has the word."""


@dataclass(frozen=True)
class Promote:
    """The revision has all traffic: the rollout is complete."""


@dataclass(frozen=True)
class RollBack:
    """The revision will not serve: take it away and say why."""

    message: str


Action = Deploy | Shift | Copy | Wait | Hold | Promote | RollBack


def next_action(rollout: Rollout, observed: Observed, now: datetime) -> Action:
    """Return the next step of a rollout.

    A Service that was deleted or edited by hand meanwhile is brought back to what the rollout asks for.
    Traffic only ever goes to a revision that is ready.
    """
    revision = rollout.wanted.revision
    status = observed.status(revision)
    if rollout.stage is Stage.ABANDON:
        return RollBack(rollout.message)
    if status.readiness is Readiness.FAILED and _is_final(status.reason, rollout):
        verb = "failed" if rollout.standing else "did not become ready"
        return RollBack(f"{revision} {verb}: {_why(status)}")
    if status.readiness is Readiness.READY:
        found = _when_ready(rollout, observed)
        if found is not None:
            return found
    if now >= rollout.deadline and not rollout.standing:
        return RollBack(f"{revision} did not become ready in time: {_why(status)}")
    absent = status.readiness is Readiness.ABSENT
    if observed.template != revision and (absent or not rollout.standing):
        return Deploy(_keep(rollout, observed))
    # A revision appears some time after its template was taken; the same template is never sent twice.
    return Wait(f"{revision} has not appeared yet" if absent else _why(status))


def _is_final(reason: str, rollout: Rollout) -> bool:
    """Say whether a failed revision is given up.

    Knative tells of a process's first end, and the process is started again: what it lacked may come in time.
    One that has served and ends is not waited for.
    """
    starting = reason.startswith("ExitCode") and reason != NEVER and not rollout.standing
    return reason not in PASSING and not starting


def _when_ready(rollout: Rollout, observed: Observed) -> Action | None:
    """Return what the stage lacks once the revision is ready; None while the traffic is on its way."""
    if rollout.stage in (Stage.SHADOW, Stage.CANARY) and _champion_rests(rollout, observed):
        return None
    route = route_of(rollout, observed)
    shadow = rollout.stage is Stage.SHADOW and CHALLENGER in route.tags
    if observed.shadow is not None and not shadow:
        return Copy(None)
    if not observed.asks_for(route):
        return Shift(route)
    if not observed.has(route):
        return None
    if not shadow:
        return Promote() if CHALLENGER not in route.tags else Hold()
    address = observed.tag_urls[CHALLENGER]
    return Hold() if observed.shadow == address else Copy(address)


def _champion_rests(rollout: Rollout, observed: Observed) -> bool:
    """Say whether the champion is there and not ready: then nothing moves to who is being judged."""
    if rollout.champion is None:
        return False
    readiness = observed.status(rollout.champion.revision).readiness
    return readiness in (Readiness.PENDING, Readiness.FAILED)


def route_of(rollout: Rollout, observed: Observed) -> Route:
    """Return the traffic that a stage wants; without a champion's revision there is nothing to go beside."""
    revision, champion = rollout.wanted.revision, rollout.champion
    beside = champion.revision if champion is not None else None
    if beside is None or observed.status(beside).readiness is not Readiness.READY:
        return Route({revision: 100})
    match rollout.stage:
        case Stage.SHADOW:
            return Route({beside: 100}, {CHALLENGER: revision})
        case Stage.CANARY:
            shares = {beside: 100 - rollout.percent, revision: rollout.percent}
            return Route(shares, {CHALLENGER: revision})
        case _:
            return Route({revision: 100}, {PREVIOUS: beside})


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
