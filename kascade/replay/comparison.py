"""One decision as it was and as it would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Area = Literal["governor", "gate", "drift", "judge", "harm"]


@dataclass(frozen=True)
class Compared:
    """A decision of the log beside what the replay decides.

    Attributes:
        at: when it was decided.
        area: which rules decided.
        recorded: in words.
        replayed: in words.
        rule: that decided in the replay.
        why: in a sentence.
        decidable: False where it cannot be replayed; `why` says what is missing.
        what_if: it rests on what would not have been so: it comes after a difference of the same model's
            governor or judge, or is about a version that another difference leaves out.
        unknown: what the record cannot tell of what another decision would have led to.
    """

    at: datetime
    model: str
    area: Area
    subject: str
    recorded: str
    replayed: str
    rule: str
    why: str
    decidable: bool = True
    what_if: bool = False
    unknown: str = ""

    @property
    def differs(self) -> bool:
        """Whether the replay decides otherwise."""
        return self.decidable and self.recorded != self.replayed

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "at": self.at.isoformat(),
            "model": self.model,
            "area": self.area,
            "subject": self.subject,
            "recorded": self.recorded,
            "replayed": self.replayed if self.decidable else None,
            "differs": self.differs,
            "decidable": self.decidable,
            "what_if": self.what_if,
            "rule": self.rule,
            "why": self.why,
            "unknown": self.unknown,
        }


def in_time(decisions: Iterable[Compared]) -> list[Compared]:
    """Return decisions by time; those that rest on what would not have been are what-ifs.

    They are the governor's and the judge's after their first difference, and all about a version that would
    not have been trained, rolled out or promoted. What the record cannot tell is said with a difference.
    """
    found = []
    differing: set[tuple[str, Area]] = set()
    left_out: dict[str, frozenset[Area]] = {}
    for each in sorted(decisions, key=lambda one: (one.at, one.area, one.subject)):
        version = each.subject.partition(" ")[0]
        if (each.model, each.area) in differing or each.area in left_out.get(version, ()):
            each = replace(each, what_if=True)
        if each.differs:
            each = replace(each, unknown=_unknown(each))
            if each.area in _LASTING:
                differing.add((each.model, each.area))
            if each.recorded.startswith(_WENT_ON):
                left_out[version] = left_out.get(version, frozenset()) | _FOLLOWS.get(each.area, frozenset())
        found.append(each)
    return found


def _unknown(each: Compared) -> str:
    """Say what a recorded run cannot tell of what another decision would have led to."""
    then = each.replayed.partition(" ")[0]
    if each.area == "governor":
        return (
            "what would have been trained is not known"
            if then == "approved"
            else "whether it is asked again later is not known"
        )
    if each.area == "gate" and then == "approved":
        return "what its rollout would have come to is not known"
    if each.area == "judge":
        return "the record ends here" if then == "waits" else _AFTER.get(then, "")
    return ""


_LASTING: frozenset[Area] = frozenset({"governor", "judge"})
_WENT_ON = ("approved", "promoted")
"""What lets a version go on."""
_FOLLOWS: Mapping[Area, frozenset[Area]] = {
    "governor": frozenset({"gate", "judge", "drift", "harm"}),
    "gate": frozenset({"judge", "drift", "harm"}),
    "judge": frozenset({"drift", "harm"}),
}
"""What is decided about a version after each of its decisions."""
_AFTER = {
    "promoted": "how it would have served is not known",
    "rolled_back": "how the champion would have served on is not known",
    "inconclusive": "how the champion would have served on is not known",
    "nothing": "what another phase would have shown is not known",
}
