"""Who gets the next request: revisions by percent, tags by name."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Split:
    """Revisions and the bounds of their shares; each request is drawn independently, so shares are fair."""

    revisions: tuple[str, ...]
    bounds: tuple[float, ...]

    def pick(self, draw: random.Random) -> str | None:
        """Return the revision for one request, or None when no revision takes part."""
        if len(self.revisions) < 2:
            return self.revisions[0] if self.revisions else None
        point = draw.random() * self.bounds[-1]
        for revision, bound in zip(self.revisions, self.bounds, strict=True):
            if point < bound:
                return revision
        return self.revisions[-1]


def split_of(targets: Iterable[Mapping[str, Any]]) -> Split:
    """Return the split that a Service's `status.traffic` describes; targets of zero percent take no part."""
    shares: dict[str, float] = {}
    for target in targets:
        if target.get("percent"):
            shares[target["revisionName"]] = shares.get(target["revisionName"], 0) + target["percent"]
    return Split(tuple(shares), tuple(accumulate(shares.values())))


def tags_of(targets: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the revision behind each tag of a Service's `status.traffic`."""
    return {target["tag"]: target["revisionName"] for target in targets if target.get("tag")}
