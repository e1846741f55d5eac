"""An event about a model, and what handling it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from eventing.catalogue import source_of
from eventing.event import Event
from functions.govern_training.records import SpecInForce
from functions.govern_training.settings import Settings
from functions.state.governor import GovernorRow
from pipelines.spec import ModelSpec

FUNCTION = "govern_training"
SOURCE = source_of(FUNCTION)


@dataclass(frozen=True)
class EventContext:
    """One event about one model and all that handling it needs; `at` is when it happened, `now` the clock."""

    session: Session
    settings: Settings
    row: GovernorRow
    in_force: SpecInForce | None
    event: Event
    at: datetime
    now: datetime

    @property
    def spec(self) -> ModelSpec | None:
        """What the model.yaml in force says."""
        return self.in_force.spec if self.in_force is not None else None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.row.model
