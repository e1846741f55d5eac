"""The causes and effects of a version, an event or a prediction, in the words of the page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventing import catalogue as c
from eventing.words.event_words import words_of
from eventing.words.numbers import number
from eventing.words.tone import tone_of
from functions.console.history import when

Json = Mapping[str, Any]
PREDICTION, LABEL = "prediction", "label"
_SERVING = frozenset({c.RolloutStarted.type, c.RolloutAdvanced.type, c.RolloutCompleted.type})


@dataclass
class Cause:
    """Something that happened: an event, a prediction or its label, and what came of it.

    Attributes:
        reference: what the page about it is asked for by; empty where there is none.
        name: its type, without what all types begin with.
        words: the few words that matter of it.
        kind: its tone, or `prediction` or `label`.
        folded: how many events of each type were left out below it.
        asked: whether it is what the page is about.
    """

    reference: str
    name: str
    subject: str
    words: str
    time: str
    kind: str = ""
    folded: Mapping[str, int] = field(default_factory=dict)
    effects: list[Cause] = field(default_factory=list)
    asked: bool = False


def causes_of(chain: Sequence[Json], reference: str) -> list[Cause]:
    """Return the trees of an explanation by the ledger."""
    return [_of(node, reference) for node in chain]


def _of(node: Json, reference: str) -> Cause:
    event = node["event"]
    type_, data = str(event.get("type", "")), event.get("data")
    return Cause(
        str(event.get("id", "")),
        short(type_),
        str(event.get("subject") or ""),
        words_of(type_, data),
        str(event.get("time") or ""),
        tone_of(type_, data),
        {short(each): count for each, count in node.get("folded", {}).items()},
        [_of(effect, reference) for effect in node["effects"]],
        event.get("id") == reference,
    )


def short(type_: str) -> str:
    """Return a type without what all types begin with."""
    return type_.removeprefix(c.PREFIX).removeprefix(c.S3_PREFIX)


def every(roots: Sequence[Cause]) -> Iterator[Cause]:
    """Yield all causes, each before what came of it."""
    waiting = list(roots)
    while waiting:
        cause = waiting.pop(0)
        yield cause
        waiting += cause.effects


def maker_of(prediction: Json) -> str:
    """Return the version whose answer the client got; of a shadow's answer alone, that shadow."""
    row = _served(prediction)
    return f"{row['model']}/v{row['version']}"


def _served(prediction: Json) -> Json:
    rows: Sequence[Json] = prediction["rows"]
    return next((each for each in rows if not each.get("shadow")), rows[0])


def with_prediction(roots: list[Cause], prediction: Json) -> list[Cause]:
    """Add a prediction, and its label, to the story of the version that answered.

    It follows from the last event before it that gave the version traffic, as far as that is recorded.
    """
    row = _served(prediction)
    answer = row.get("predicted")
    if answer is None and row.get("predicted_number") is not None:
        answer = number(row["predicted_number"])
    made = Cause(
        str(prediction["prediction_id"]),
        PREDICTION,
        maker_of(prediction),
        str(answer),
        str(row["at"]),
        PREDICTION,
        asked=True,
    )
    if row.get("label") is not None:
        late = ", too late to judge by" if row.get("late") else ""
        made.effects.append(Cause("", LABEL, made.subject, f"{row['label']}{late}", "", LABEL))
    cause = _that_let_answer(roots, made)
    if cause is None:
        return [*roots, made]
    cause.effects.append(made)
    return roots


def _that_let_answer(roots: Sequence[Cause], made: Cause) -> Cause | None:
    at = when(made.time)
    serving = {short(type_) for type_ in _SERVING}
    known = [
        (moment, each)
        for each in every(roots)
        if each.name in serving and each.subject == made.subject and (moment := when(each.time)) is not None
    ]
    before = [(moment, each) for moment, each in known if at is not None and moment <= at]
    return max(before, key=lambda found: found[0])[1] if before else None
