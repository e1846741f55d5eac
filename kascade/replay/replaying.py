"""Replays every kind of decision of a log, in order of time."""

from __future__ import annotations

from collections.abc import Sequence

from kascade.replay.comparison import Compared, in_time
from kascade.replay.drift import replay_drift
from kascade.replay.gate import replay_gate
from kascade.replay.governor import replay_governor
from kascade.replay.judge import replay_judge
from kascade.replay.policies import Policies, ReadText
from kascade.replay.recording import Recorded
from pipelines.spec import ModelSpec


def replay(
    log: Sequence[Recorded], read: ReadText, *, tried: ModelSpec | None = None, model: str | None = None
) -> list[Compared]:
    """Return every decision of the log beside the one that is made now.

    Args:
        log: whole, in order.
        read: returns the text of a registered model.yaml.
        tried: a model.yaml to decide by; only its model is replayed. None: those of the log.
        model: only this one.

    Raises:
        ReplayError: a model.yaml of the log cannot be read, and none is tried.
    """
    only = tried.model if tried is not None else model
    chosen = [row for row in log if only is None or row.model == only]
    policies = Policies(chosen, read, tried)
    return in_time(
        [
            *replay_governor(chosen, policies),
            *replay_gate(chosen, policies),
            *replay_drift(chosen, policies),
            *replay_judge(chosen, policies),
        ]
    )
