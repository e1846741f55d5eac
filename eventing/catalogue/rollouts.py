"""Payloads about how a version gets its traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from eventing.catalogue.base import ModelName, Payload, Sha256, Share, Version


class RolloutPhase(StrEnum):
    """Where a rollout stands."""

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"


class RolloutOutcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"


class RolloutStarted(Payload):
    """A revision of `version` was created and has not traffic yet, or only copies of it."""

    model: ModelName
    version: Version
    champion_version: Version | None = None
    phase: RolloutPhase
    revision: str


class RolloutAdvanced(Payload):
    """The rollout moved to its next phase."""

    model: ModelName
    version: Version
    phase: RolloutPhase
    percent: Annotated[int, Field(ge=0, le=100)]


class RolloutDecided(Payload):
    """The judge's verdict with the numbers it used."""

    model: ModelName
    version: Version
    outcome: RolloutOutcome
    labels: int
    wealth_worse: float
    wealth_better: float
    coverage_champion: Share | None = None
    coverage_challenger: Share | None = None
    label_digest: Sha256 | None = None
    message: str


class RolloutCompleted(Payload):
    """The rollout ended; `url` is where the model answers."""

    model: ModelName
    version: Version
    outcome: RolloutOutcome
    champion_version: Version | None = None
    message: str
    url: str | None = None
