"""Good news and bad news, of whatever payload."""

from __future__ import annotations

import pytest

from eventing import catalogue as c
from eventing.words.tone import Tone, tone_of


@pytest.mark.parametrize(
    ("type_", "data", "tone"),
    [
        (c.ModelApproved.type, {}, Tone.GOOD),
        (c.DeliveriesLost.type, {}, Tone.BAD),
        (c.DriftDetected.type, {}, Tone.WARNING),
        (c.RolloutCompleted.type, {"outcome": "promoted"}, Tone.GOOD),
        (c.RolloutDecided.type, {"outcome": "rolled_back"}, Tone.BAD),
        (c.RolloutDecided.type, {"outcome": "inconclusive"}, Tone.WARNING),
        (c.RolloutDecided.type, {"outcome": ["promoted"]}, Tone.PLAIN),
        (c.RolloutDecided.type, "text", Tone.PLAIN),
        (c.DatasetIngested.type, {"outcome": "rolled_back"}, Tone.PLAIN),
        ("com.example.odd", None, Tone.PLAIN),
    ],
)
def test_the_tone_of_an_event(type_: str, data: object, tone: Tone) -> None:
    assert tone_of(type_, data) is tone
