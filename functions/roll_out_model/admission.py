"""What becomes of an approved version: a model has one rollout at a time, and one that waits."""

from __future__ import annotations

from enum import StrEnum


class Admission(StrEnum):
    """What becomes of an approved version."""

    START = "start"
    QUEUE = "queue"
    UNDER_WAY = "under way"
    SUPERSEDED = "superseded"
    CHAMPION = "champion"


def admit(
    version: int, *, champion: int | None, active: int | None, queued: int | None, by_person: bool
) -> Admission:
    """Tell what becomes of an approved version. A model has one rollout at a time, and one that waits.

    An approval by the gate that arrives after a newer version's is superseded. A person may approve any
    version, also an older one: that is how one goes back. The champion needs no rollout.
    """
    if version == champion:
        return Admission.CHAMPION
    if version in (active, queued):
        return Admission.UNDER_WAY
    if not by_person and version < max(champion or 0, active or 0, queued or 0):
        return Admission.SUPERSEDED
    return Admission.START if active is None else Admission.QUEUE
