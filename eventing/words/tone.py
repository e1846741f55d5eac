"""Whether an event is good news or bad, for who shows it in colours."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from eventing import catalogue as c


class Tone(StrEnum):
    """`WARNING`: something that may need a look, but harms nobody yet."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    PLAIN = ""


_OF_TYPE = {
    c.ModelApproved.type: Tone.GOOD,
    c.BatchCompleted.type: Tone.GOOD,
    c.SpecRejected.type: Tone.BAD,
    c.DatasetRejected.type: Tone.BAD,
    c.BatchFailed.type: Tone.BAD,
    c.TrainingFailed.type: Tone.BAD,
    c.ModelRejected.type: Tone.BAD,
    c.FeaturesRejected.type: Tone.BAD,
    c.PerformanceDegraded.type: Tone.BAD,
    c.DeliveryFailed.type: Tone.BAD,
    c.DeliveriesLost.type: Tone.BAD,
    c.DriftDetected.type: Tone.WARNING,
}
_OF_OUTCOME: Mapping[str, Tone] = {
    c.RolloutOutcome.PROMOTED: Tone.GOOD,
    c.RolloutOutcome.ROLLED_BACK: Tone.BAD,
    c.RolloutOutcome.INCONCLUSIVE: Tone.WARNING,
    c.RolloutOutcome.RETIRED: Tone.WARNING,
}


def tone_of(type_: str, data: object) -> Tone:
    """Return the tone of an event; a rollout's is its outcome's. The payload may have any shape."""
    if type_ not in (c.RolloutDecided.type, c.RolloutCompleted.type):
        return _OF_TYPE.get(type_, Tone.PLAIN)
    outcome = data.get("outcome") if isinstance(data, Mapping) else None
    return _OF_OUTCOME.get(outcome, Tone.PLAIN) if isinstance(outcome, str) else Tone.PLAIN
