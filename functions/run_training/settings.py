"""The settings of run_training, from its environment. The object store's variables are read by its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eventing.environment import Variables
from pipelines.own_code.permission import code_allowed


@dataclass(frozen=True)
class Settings:
    """Where the event lies and what the operator allows.

    `max_attempts` is how many attempts may fail for their surroundings before the run is given up; it is one
    more than the Job's `backoffLimit`, so the last attempt still says so. `progress_s` is how often a step
    that goes on is told of again.
    """

    event_path: Path
    allow_code: bool = False
    max_attempts: int = 4
    progress_s: float = 300.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        allowed = code_allowed(read)
        path = read.text("K_EVENT_PATH", ".+", "the file (or its folder) with the event to act on")
        read.text("K_SINK", "https?://.*", "the http address events are sent to")
        return read.checked(
            cls(
                Path(path),
                allowed,
                read.number("MAX_ATTEMPTS", cls.max_attempts, 1, 10_000),
                read.duration("PROGRESS_S", cls.progress_s).total_seconds(),
            )
        )
