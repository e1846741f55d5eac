"""Everything the local runtime raises on purpose.

LocalError
├── ManifestError    the files cannot be read, rendered or honoured; lists every problem
│   └── NeedsKustomize   a kustomization uses what only kustomize itself renders
├── PortInUse        a port asked for is held by someone else
├── StateInUse       another runtime works in the same state folder
├── CannotStart      a process cannot be started as its manifest asks
├── NotServed        a request cannot reach a replica now; carries the HTTP status to answer
└── Refused          a request to the API is refused; carries the Kubernetes Status
    ├── NotFound     404
    ├── Conflict     409
    ├── Invalid      422, with one cause per field
    └── Denied       400, as a validating webhook of Knative says it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class LocalError(Exception):
    """The base of what the local runtime raises on purpose."""


class ManifestError(LocalError):
    """The manifests cannot be used as they are; `problems` names each file, object, field and fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NeedsKustomize(ManifestError):
    """A kustomization uses what only kustomize itself renders; `problems` names file and key."""


class PortInUse(LocalError):
    """The port `port`, chosen by `flag`, is held by another process."""

    def __init__(self, port: int, flag: str, holder: str) -> None:
        super().__init__(
            f"port {port} is in use{holder}; choose another one with {flag} (0 takes a free one)"
        )
        self.port = port
        self.flag = flag


class StateInUse(LocalError):
    """Another runtime works in the same state folder; `pid` is its process id when known."""

    def __init__(self, state_dir: str, pid: int | None) -> None:
        held = f" (process {pid})" if pid else ""
        super().__init__(
            f"{state_dir} is in use by another runtime{held}; stop it or choose another --state-dir"
        )
        self.pid = pid


class CannotStart(LocalError):
    """A process cannot be started as its manifest asks."""


class NotServed(LocalError):
    """No replica can take the request; `status` is what the caller gets, `reason` why.

    `going` says that the revision is going away: another one may take the request at once.
    """

    def __init__(self, status: int, reason: str, *, going: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.going = going
        self.reason = reason


class Refused(LocalError):
    """A request to the API is refused: `status` and `reason` as Kubernetes would say them."""

    status = 400
    reason = "BadRequest"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}


class NotFound(Refused):
    """The object or the kind does not exist."""

    status = 404
    reason = "NotFound"


class Conflict(Refused):
    """The object changed meanwhile."""

    status = 409
    reason = "Conflict"


class AlreadyExists(Conflict):
    """An object of that name exists."""

    reason = "AlreadyExists"


class Invalid(Refused):
    """Fields of the object are wrong; `details["causes"]` lists them."""

    status = 422
    reason = "Invalid"


class Denied(Refused):
    """A validating webhook of Knative refuses the object; `webhook` is its name, `why` what it says."""

    def __init__(self, webhook: str, why: str) -> None:
        super().__init__(f'admission webhook "{webhook}" denied the request: validation failed: {why}')
