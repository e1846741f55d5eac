"""What becomes of an approved version: a model has one rollout at a time, and one that waits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """What becomes of an approved version."""

    START = "start"
    QUEUE = "queue"
    UNDER_WAY = "under way"
    SUPERSEDED = "superseded"
    CHAMPION = "champion"


@dataclass(frozen=True)
class Standing:
    """Where a model stands when an approval comes: champion, version under way, version that waits."""

    champion: int | None = None
    active: int | None = None
    queued: int | None = None


def place_of(version: int, standing: Standing, *, by_person: bool) -> Place:
    """Tell what becomes of an approved version. A model has one rollout at a time, and one that waits.

    An approval by the gate that arrives after a newer version's is superseded. A person may approve any
    version, also an older one: that is how one goes back. The champion has its place already.
    """
    if version == standing.champion:
        return Place.CHAMPION
    if version in (standing.active, standing.queued):
        return Place.UNDER_WAY
    newest = max(
        (v for v in (standing.champion, standing.active, standing.queued) if v is not None), default=0
    )
    if not by_person and version < newest:
        return Place.SUPERSEDED
    return Place.START if standing.active is None else Place.QUEUE
