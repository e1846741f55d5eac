"""What became of a model's labels of late: how many were joined, late, unknown and so on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, Field


class Fates(BaseModel, frozen=True):
    """Counts of the span of time under way, and of the one before it: what is older is forgotten.

    Attributes:
        since: when the span under way began.
        counts: how many labels of each fate, and of what else is counted of them.
        before_since: when the span before began.
        before: its counts.
    """

    since: datetime
    counts: dict[str, int] = Field(default_factory=dict)
    before_since: datetime | None = None
    before: dict[str, int] = Field(default_factory=dict)


def count_fates(known: Fates | None, more: Mapping[str, int], *, now: datetime, span: timedelta) -> Fates:
    """Return the counts with some more."""
    if known is None or now - known.since >= 2 * span:
        known = Fates(since=now)
    elif now - known.since >= span:
        known = Fates(since=now, before_since=known.since, before=known.counts)
    counts = Counter(known.counts)
    counts.update(more)
    return known.model_copy(update={"counts": {name: count for name, count in counts.items() if count}})
