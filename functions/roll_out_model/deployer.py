"""The port to the platform that serves models, and its errors.

DeployerError
├── Unavailable   the platform does not answer: try again later
└── Refused       the platform will never take what it was asked for
"""

from __future__ import annotations

from typing import Protocol

from functions.roll_out_model.logic import Observed, Route, Wanted


class DeployerError(Exception):
    """The base of what a deployer raises."""


class Unavailable(DeployerError):
    """The platform does not answer, or asks to come again."""


class Refused(DeployerError):
    """The platform refuses what it was asked for, and will again."""


class Deployer(Protocol):
    """Serves models in revisions. Every method may be repeated; all raise Unavailable and Refused."""

    def observe(self, model: str) -> Observed:
        """Return what there is of a model; nothing where it has no Service."""
        ...

    def ensure_revision(self, wanted: Wanted, keep: str | None) -> None:
        """Make the version's revision exist, creating the Service if it must be.

        All traffic stays on the revision `keep`; without one it goes to the newest ready revision.
        """
        ...

    def shift(self, model: str, route: Route) -> None:
        """Send the traffic of a model so, and make revisions reachable under tags."""
        ...

    def copy(self, model: str, champion: int, address: str | None) -> None:
        """Send what the champion logs of its predictions to an address as well; None: no more."""
        ...

    def remove(self, model: str, revision: str, fallback: Wanted | None) -> None:
        """Take a revision out of the Service, which goes on with `fallback`; without one it goes too.

        Raises Unavailable also while the platform has not caught up: the revision goes at a later call."""
        ...
