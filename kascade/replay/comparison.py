"""One decision as it was and as it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Area = Literal["governor", "gate", "pool", "drift", "judge"]


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
        what_if: it comes after another difference of the same model and area, and rests on what that led to.
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
        }


def in_time(decisions: Iterable[Compared]) -> list[Compared]:
    """Return decisions by time; the governor's and the judge's after their first difference are what-ifs."""
    found = []
    differing: set[tuple[str, Area]] = set()
    for each in sorted(decisions, key=lambda one: (one.at, one.area, one.subject)):
        if (each.model, each.area) in differing:
            each = replace(each, what_if=True)
        if each.area in ("governor", "judge") and each.differs:
            differing.add((each.model, each.area))
        found.append(each)
    return found
