"""What a model's InferenceService and its revisions say, read from plain objects.

The status lags behind the object, and its `observedGeneration` is that of another object. So a step is only
believed to be done when the revision that it made is named in the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, ServedVersion, Status, Traffic
from functions.roll_out_model.knative_status import EXITED, NEVER, revision_status
from functions.roll_out_model.kserve_service import (
    DEPLOYMENT,
    INSTEAD_OF,
    PERCENT,
    SHA256,
    SOURCE_URI,
    VERSION_LABEL,
    Json,
)


@dataclass(frozen=True)
class Deployed:
    """An InferenceService of a model with the revisions that there are of it.

    KServe knows two: the one made last (`created`), and the one that is rolled out (`stable`), which has the
    traffic that the percent leaves. They may be of the same version.
    """

    service: Json
    revisions: Mapping[str, Json]

    @classmethod
    def of(cls, service: Json, revisions: Sequence[Json]) -> Deployed:
        """Put together what was read."""
        return cls(service, {each["metadata"]["name"]: each for each in revisions})

    @property
    def model(self) -> str:
        return str(self.service["metadata"]["name"])

    @property
    def predictor(self) -> Json:
        found: Json = self.service["spec"]["predictor"]
        return found

    @property
    def percent(self) -> int | None:
        """The share asked for of the version made last; None: all of it."""
        return self.predictor.get(PERCENT)

    @property
    def version(self) -> int:
        """The version that the object names."""
        return _number(self.predictor.get("labels"))

    @cached_property
    def component(self) -> Json:
        """The status of the predictor."""
        found: Json = ((self.service.get("status") or {}).get("components") or {}).get("predictor") or {}
        return found

    @property
    def created(self) -> Json | None:
        """The revision made last, if it was made for what the object says now."""
        found = self.revisions.get(self.component.get("latestCreatedRevision") or "")
        if found is None:
            return None
        given, wanted = found["metadata"].get("annotations") or {}, self.predictor.get("annotations") or {}
        uri = (self.predictor.get("model") or {}).get("storageUri")
        same = given.get(DEPLOYMENT) == wanted.get(DEPLOYMENT) and given.get(SOURCE_URI, uri) == uri
        return found if same else None

    @property
    def resource_version(self) -> str:
        """Of the object as it was read: a change is refused if there was another one since."""
        return str(self.service["metadata"]["resourceVersion"])

    @property
    def is_starting_to_serve(self) -> bool:
        """Whether the revision for what the object says is ready by its own words."""
        created = self.created
        return created is not None and revision_status(created).readiness is Readiness.READY

    @property
    def is_ready(self) -> bool:
        """Whether the revision for what the object says is the latest ready one."""
        name = self.component.get("latestReadyRevision")
        return self.created is not None and self.created["metadata"]["name"] == name

    @property
    def is_rolled_out(self) -> bool:
        """Whether it has been given all traffic as well."""
        rolled_out = self.component.get("latestRolledoutRevision")
        return self.is_ready and self.component["latestReadyRevision"] == rolled_out

    @property
    def stable(self) -> int | None:
        """The version of the revision that is rolled out; None before there is one."""
        return self._version_of(self.component.get("latestRolledoutRevision"))

    @property
    def before(self) -> int | None:
        """The version that was rolled out before."""
        return self._version_of(self.component.get("previousRolledoutRevision"))

    @property
    def serving(self) -> dict[int, int]:
        """Percent by version, as the platform says it is."""
        shares: dict[int, int] = {}
        for target in self.component.get("traffic") or []:
            version = self._version_of(target.get("revisionName")) or FOREIGN
            shares[version] = shares.get(version, 0) + (target.get("percent") or 0)
        return {version: share for version, share in shares.items() if share}

    @property
    def requested(self) -> Traffic | None:
        """The traffic that is asked for; None on the way from one to another, and before any was."""
        stable, percent = self.stable, self.percent
        if not self.version or stable is None:
            return None
        if percent is None:
            return Traffic(self.version)
        if stable == self.version or not 0 <= percent < 100:
            return None
        return Traffic(stable or FOREIGN, self.version, percent)

    @property
    def in_force(self) -> bool:
        """Whether what was requested is so."""
        requested = self.requested
        done = self.is_ready if self.percent is not None else self.is_rolled_out
        return (
            requested is not None
            and done
            and self.serving == requested.shares
            and self.condition("Ready").get("status") == "True"
        )

    def condition(self, name: str) -> Json:
        """Return a condition of the object by its type; an empty one where there is none."""
        conditions = (self.service.get("status") or {}).get("conditions") or []
        found: Json = next((each for each in conditions if each.get("type") == name), {})
        return found

    def served(self, version: int) -> ServedVersion | None:
        """Return a version as it was deployed, from one of its revisions."""
        for revision in self.revisions.values():
            notes = revision["metadata"].get("annotations") or {}
            if (
                _number(revision["metadata"].get("labels")) == version
                and {SOURCE_URI, SHA256} <= notes.keys()
            ):
                return ServedVersion(self.model, version, notes[SOURCE_URI], notes[SHA256])
        return None

    @property
    def versions(self) -> dict[int, Status]:
        """The status of each version that the platform has in use, or is about to have."""
        names = [self.component.get(f"{which}RolledoutRevision") for which in ("latest", "previous")]
        names += [target.get("revisionName") for target in self.component.get("traffic") or []]
        found: dict[int, Status] = {}
        for name in names:
            version = self._version_of(name)
            if version and found.get(version, _ABSENT).readiness is not Readiness.READY:
                found[version] = revision_status(self.revisions[str(name)])
        if self.version and found.get(self.version, _ABSENT).readiness is not Readiness.READY:
            status = self._status_of_new()
            found |= {self.version: status} if status is not None else {}
        return found | self._being_removed()

    def _being_removed(self) -> dict[int, Status]:
        """Return the version that is being taken away: until that is done it counts as failed."""
        version = _number({VERSION_LABEL: (self.predictor.get("annotations") or {}).get(INSTEAD_OF, "")})
        if not version or (self.percent is None and self.is_rolled_out):
            return {}
        known = [name for name in self.revisions if self._version_of(name) == version]
        ran = known and revision_status(self.revisions[max(known)]).readiness is Readiness.READY
        reason = "" if ran else _last_failure(self.service)
        return {version: Status(Readiness.FAILED, reason or "it is being taken away")}

    def _status_of_new(self) -> Status | None:
        """Return the status of what the object names; None while the platform has not taken it up."""
        created = self.created
        if created is None:
            complaint = self._complaint()
            return Status(Readiness.PENDING, complaint) if complaint else None
        status = revision_status(created)
        return status if status.readiness is not Readiness.PENDING else self._failed_load() or status

    def _failed_load(self) -> Status | None:
        """Return what KServe says of a model that cannot be loaded; Knative says it much later."""
        model_status = (self.service.get("status") or {}).get("modelStatus") or {}
        if model_status.get("transitionStatus") != "BlockedByFailedLoad":
            return None
        reason = _last_failure(self.service)
        return Status(Readiness.FAILED if f": {NEVER}: " in reason else Readiness.CRASHED, reason)

    def _complaint(self) -> str:
        """Return why KServe makes no revision of what the object says, if it says so."""
        model_status = (self.service.get("status") or {}).get("modelStatus") or {}
        if model_status.get("transitionStatus") == "InvalidSpec":
            info = model_status.get("lastFailureInfo") or {}
            return f"{info.get('reason', 'InvalidSpec')}: {info.get('message', '')}"
        for name in ("PredictorReady", "Ready"):
            found = self.condition(name)
            if found.get("status") == "False" and found.get("reason"):
                return f"{found['reason']}: {found.get('message', '')}"
        return ""

    def _version_of(self, revision: str | None) -> int | None:
        """Return the version of a revision: `FOREIGN` if it is none of ours, None where there is none."""
        if not revision:
            return None
        found = self.revisions.get(revision)
        return _number(found["metadata"].get("labels")) if found is not None else FOREIGN

    def observed(self, mirrored: bool | None) -> Observed:
        """Return it as the port has it; `mirrored` says whether copies go to the version made last."""
        beside = self.version if self.percent is not None and self.stable != self.version else FOREIGN
        return Observed(
            latest=self.version or None,
            versions=self.versions,
            requested=self.requested,
            serving=self.serving,
            in_force=self.in_force,
            url=(self.service.get("status") or {}).get("url"),
            mirror=None if mirrored is None else beside if mirrored else FOREIGN,
            keeps_previous=False,
        )


_ABSENT = Status(Readiness.ABSENT)


def owners_of_percent(service: Json, besides: str) -> list[str]:
    """Return the names of the other field managers that have set the percent."""
    return sorted(
        {
            str(entry.get("manager"))
            for entry in service["metadata"].get("managedFields") or []
            if entry.get("manager") != besides and _sets_percent(entry.get("fieldsV1") or {})
        }
    )


def _last_failure(service: Json) -> str:
    """Return KServe's message about the last model that failed to load; it stays in the status for good."""
    info = ((service.get("status") or {}).get("modelStatus") or {}).get("lastFailureInfo")
    if not info:
        return ""
    return f"{info.get('reason', '')}: {EXITED}{info.get('exitCode', '')}: {info.get('message', '')}"


def _sets_percent(fields: Mapping[str, Any]) -> bool:
    predictor = (fields.get("f:spec") or {}).get("f:predictor") or {}
    return f"f:{PERCENT}" in predictor


def _number(labels: Mapping[str, str] | None) -> int:
    """Return the version that a label tells; `FOREIGN` where it tells none of ours."""
    text = (labels or {}).get(VERSION_LABEL, "")
    return int(text) if text.isascii() and text.isdigit() else FOREIGN
