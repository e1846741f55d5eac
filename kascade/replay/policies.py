"""Which model.yaml decides at a moment: the one that was in force then, or the one that is tried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eventing.catalogue import SPEC_REGISTERED, Claim
from functions.govern_training.records import SpecInForce
from kascade.replay.recording import Recorded, ReplayError
from pipelines.spec import ModelSpec, SpecError, parse_spec, spec_digest

ReadText = Callable[[Claim], bytes | None]
_NONE = Claim(uri="", sha256="0" * 64)


@dataclass(frozen=True)
class _InForce:
    since: datetime
    found: SpecInForce


class Policies:
    """The specs of every model over time.

    Args:
        log: its `spec.registered` events say which model.yaml was in force when.
        read: returns the text of a registered model.yaml, or None where it cannot be had.
        tried: decides in place of all that its model had.
    """

    def __init__(self, log: Sequence[Recorded], read: ReadText, tried: ModelSpec | None = None) -> None:
        self._tried = tried
        self._known: dict[str, list[_InForce]] = {}
        for row in log:
            if row.event.type == SPEC_REGISTERED and (tried is None or row.model == tried.model):
                found = self._registered(row, read)
                self._known.setdefault(row.model, []).append(_InForce(row.happened, found))

    def at(self, model: str, moment: datetime) -> SpecInForce | None:
        """Return what decides about a model at a moment; None before its first model.yaml."""
        past = [each.found for each in self._known.get(model, []) if each.since <= moment]
        if self._tried is None or model != self._tried.model:
            return past[-1] if past else None
        # What was trained on is told apart by the recorded file: the tried one only decides.
        recorded = past[-1] if past else SpecInForce(self._tried, _NONE, _NONE.sha256)
        return replace(recorded, spec=self._tried)

    def _registered(self, row: Recorded, read: ReadText) -> SpecInForce:
        claim = Claim.model_validate(row.data["spec"])
        text = read(claim)
        if text is not None:
            try:
                spec = parse_spec(text, model=row.model)
            except SpecError as error:
                raise ReplayError(f"{claim.uri} is no model.yaml of this release: {error}") from error
            return SpecInForce(spec, claim, spec_digest(spec), row.happened)
        if self._tried is None:
            raise ReplayError(
                f"{claim.uri} cannot be read: give --policy model.yaml, or replay where its store runs"
            )
        return SpecInForce(self._tried, claim, claim.sha256, row.happened)
