"""What becomes of labels: of one that was sent as an event, and of those in a file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from eventing import catalogue as c
from eventing.event import Event
from kascade.cli.request import Outcome, Recorded
from kascade.client import PREDICTIONS, Client
from kascade.reach.port import CallError

_LOG_DELAY_S = 10.0
"""How late the log of predictions is, as a rule; join_feedback itself waits for up to five minutes."""

_WHY = {
    "duplicate": (True, "the prediction has this label already"),
    "contradictory": (False, "the prediction has another label already, and the first one counts"),
    "late": (
        False,
        "it came after the time for labels of its prediction (labels.window in model.yaml): "
        "it is trained on, and no version is judged by it",
    ),
    "unknown": (False, "no such prediction is in the log: copy its id from the answer of the prediction"),
    "impossible": (False, "the target of the model cannot have this value; `--text` sends 7 or true as text"),
}
FATES = ("joined", *_WHY)


def joined(sent: Event) -> Callable[[Recorded, bool], Outcome | None]:
    """See among the labels that were not joined whether the one that was sent is there."""
    label_id = f"{sent.source} {sent.id}"

    def outcome(event: Recorded, ours: bool) -> Outcome | None:
        if event["type"] != c.FeedbackJoined.type:
            return None
        for each in (event.get("data") or {}).get("refused", []):
            if each["label_id"] == label_id:
                ok, why = _WHY[each["fate"]]
                return Outcome(ok, f"{each['fate']}: {why}")
        return None

    return outcome


def in_the_log(sent: Event, now: Callable[[], float] = time.monotonic) -> Callable[[Client], Outcome | None]:
    """See at the prediction whether it has the label that was sent, or never can have it."""
    model, prediction_id = sent.data["model"], sent.data["prediction_id"]
    began = now()

    def check(client: Client) -> Outcome | None:
        try:
            rows = client.get(PREDICTIONS, f"/predictions/{prediction_id}")["rows"]
        except CallError as error:
            if error.status != requests.codes.not_found:
                raise
            if "is no prediction id" in str(error):
                return Outcome(False, f"{prediction_id} is no prediction id: {_WHY['unknown'][1]}")
            if now() - began < _LOG_DELAY_S:
                return None
            return Outcome(
                False, f"{_WHY['unknown'][1]}; should it still be logged, the label is joined then"
            )
        own = [row for row in rows if row["model"] == model]
        if not own:
            other = rows[0]["model"]
            return Outcome(False, f"it is a prediction of {other}: kascade label {other} {prediction_id} …")
        if own[0].get("label_id") == f"{sent.source} {sent.id}":
            if own[0].get("late"):
                return Outcome(_WHY["late"][0], f"late: {_WHY['late'][1]}")
            return Outcome(True, f"joined to the prediction of v{own[0]['version']}")
        return None

    return check


class FileOutcome:
    """What became of the labels of one file so far."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._counts: Counter[str] = Counter()

    def take(self, event: Recorded) -> bool:
        """Count what an event says of the file's labels; return whether it says anything."""
        before = self._counts.total()
        data: dict[str, Any] = event.get("data") or {}
        for file in data.get("files", []) if event["type"] == c.FeedbackJoined.type else []:
            if file["key"] == self._key:
                self._counts.update({fate: file.get(fate, 0) for fate in FATES})
        return self._counts.total() > before

    @property
    def known(self) -> bool:
        """Whether anything is known of any of its labels."""
        return self._counts.total() > 0

    def outcome(self, waiting: int) -> Outcome:
        """Return how it stands, with `waiting` labels of the model that still wait."""
        counts = [f"{self._counts[fate]} {fate}" for fate in FATES if self._counts[fate]]
        more = [f"{waiting} of the model's labels wait for their predictions to be logged"] if waiting else []
        fixes = [_WHY[fate][1] for fate in _WHY if self._counts[fate] and not _WHY[fate][0]]
        ok = bool(self._counts["joined"] or self._counts["duplicate"])
        return Outcome(ok, "; ".join([", ".join(counts) or "no label was joined", *more, *fixes]))
