"""A deployer that the contract is run over, and what a test may ask of its platform."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kubernetes import client

from functions.roll_out_model.deployer import Deployer, Observed, ServedVersion
from functions.roll_out_model.knative_service import shadow_name

DEADLINE_S = 40.0


@dataclass
class Subject:
    """A deployer under test with a model of its own.

    Attributes:
        version: makes a version, which becomes ready or cannot start.
        end_start: lets the start of a version come to its end.
        predict: returns which version answers at an address.
        redirect_mirror: lets the mirror lead elsewhere, as a person would.
        words: what a platform can say of a version that is not the approved model.
    """

    deployer: Deployer
    model: str
    version: Callable[[int, bool], ServedVersion]
    end_start: Callable[[int], None]
    predict: Callable[[str], int | None]
    redirect_mirror: Callable[[], None]
    words: str = "it is not the approved model"

    def good(self, number: int) -> ServedVersion:
        """Return a version that becomes ready."""
        return self.version(number, True)

    def bad(self, number: int) -> ServedVersion:
        """Return a version that cannot start."""
        return self.version(number, False)

    def observe(self) -> Observed:
        return self.deployer.observe(self.model)

    def until(self, condition: Callable[[Observed], bool]) -> Observed:
        """Return the first observation that fulfils the condition; fail at the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            observed = self.observe()
            if condition(observed):
                return observed
            assert time.monotonic() < deadline, observed
            time.sleep(0.05)


def redirect_shadow(api: client.CustomObjectsApi, model: str) -> None:
    """Let the Trigger of a model's shadow lead elsewhere."""
    spec = {"spec": {"subscriber": {"uri": "http://elsewhere"}}}
    where = ("eventing.knative.dev", "v1", "kascade", "triggers", shadow_name(model))
    api.patch_namespaced_custom_object(*where, spec)
