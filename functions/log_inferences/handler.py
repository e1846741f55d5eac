"""A batch of predictions, or half of one that another platform logs. Event in, outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from eventing.catalogue import InferenceLogged
from eventing.clock import Clock
from eventing.event import Event
from eventing.store import Store
from functions.log_inferences.halves import join_halves
from functions.log_inferences.outliers import Outliers
from functions.log_inferences.write import write_batch


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); returns the events that answer it."""

    sessions: sessionmaker[Session]
    store: Store
    outliers: Outliers
    clock: Clock

    def __call__(self, event: Event, payload: Any) -> list[Event]:
        """Write a batch, and close a window with it; or join the halves of a prediction."""
        now = self.clock()
        if isinstance(payload, InferenceLogged):
            return write_batch(self.sessions, self.store, self.outliers, event, payload, now)
        return join_halves(self.sessions, self.store, event, now)
