"""A training has ended: log it to MLflow. Event in, outcome out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventing.catalogue import Claim, TrainingCompleted, TrainingFailed
from eventing.errors import Rejected
from eventing.event import Event
from eventing.store import DigestMismatch, ObjectMissing, Store
from functions.log_experiments.logic import experiments_of, failure_of, run_of
from functions.log_experiments.tracking import FAILED, FINISHED, Tracking


@dataclass(frozen=True)
class Handler:
    """Callable with (event, payload); answers nothing."""

    store: Store
    tracking: Callable[[], Tracking]
    prefix: str

    def __call__(self, event: Event, payload: TrainingCompleted | TrainingFailed) -> list[Event]:
        """Log a run that has ended; of one that is logged, nothing."""
        tracking = self.tracking()
        experiment = tracking.experiment(f"{self.prefix}{payload.model}")
        if isinstance(payload, TrainingFailed):
            logged = failure_of(event, payload)
            run_id, status = tracking.open(experiment, logged)
            if status not in (FINISHED, FAILED):  # it may have completed after all
                tracking.fill(run_id, logged)
                tracking.end(run_id, logged)
            return []
        card = self._card(payload.card)
        logged = run_of(event, payload, card)
        run_id, status = tracking.open(experiment, logged)
        if status == FINISHED:
            return []
        tracking.fill(run_id, logged)
        self._log_experiments(tracking, experiment, run_id, payload, card)
        self._add_files(tracking, run_id, payload)
        tracking.below(experiment, run_id)  # another delivery at once may have begun the same experiments
        tracking.end(run_id, logged)
        return []

    def _log_experiments(
        self,
        tracking: Tracking,
        experiment: str,
        run_id: str,
        payload: TrainingCompleted,
        card: Mapping[str, Any],
    ) -> None:
        known = tracking.below(experiment, run_id)
        for each in experiments_of(payload, card):
            child, status = known.get(each.key, ("", ""))
            if status not in (FINISHED, FAILED):
                child = child or tracking.open_below(experiment, run_id, each)
                tracking.fill(child, each)
                tracking.end(child, each)

    def _add_files(self, tracking: Tracking, run_id: str, payload: TrainingCompleted) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for claim in (payload.card, payload.candidate):
                file = Path(folder) / claim.uri.rpartition("/")[2]
                file.write_bytes(self._get(claim))
                tracking.add_file(run_id, file, "model")

    def _card(self, claim: Claim) -> Mapping[str, Any]:
        try:
            card = json.loads(self._get(claim))
        except ValueError as error:
            raise Rejected(f"{claim.uri} is no card: {error}") from error
        if not isinstance(card, dict):
            raise Rejected(f"{claim.uri} is no card")
        return card

    def _get(self, claim: Claim) -> bytes:
        """Return a file. Raises: Rejected when it is gone; StoreUnavailable."""
        try:
            return self.store.get(claim.uri, claim.sha256)
        except (ObjectMissing, DigestMismatch) as error:
            raise Rejected(f"the version is not logged, as its file is gone: {error}") from error
