"""The settings of run_training, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EVENT_PATH = "K_EVENT_PATH"
ALLOW_CUSTOM = "ALLOW_CUSTOM_PIPELINES"
_SWITCH = {"true": True, "1": True, "false": False, "0": False, "": False}


class SettingsError(Exception):
    """Variables are missing or wrong; the message names each."""


@dataclass(frozen=True)
class Settings:
    """Where the event lies and what the operator allows.

    `max_attempts` is how many attempts may fail for their surroundings before the run is given up; it is one
    more than the Job's `backoffLimit`, so the last attempt still says so.
    """

    event_path: Path
    allow_custom_pipelines: bool = False
    max_attempts: int = 4

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read K_EVENT_PATH, K_SINK, ALLOW_CUSTOM_PIPELINES and MAX_ATTEMPTS.

        Raises: SettingsError listing every variable that is missing or wrong.
        """
        problems = []
        if not env.get(EVENT_PATH):
            problems.append(f"{EVENT_PATH} must name the file (or its folder) with the event to act on")
        if not env.get("K_SINK", "").startswith(("http://", "https://")):
            problems.append(
                f"K_SINK must be the http address events are sent to, not {env.get('K_SINK', '')!r}"
            )
        allowed = _SWITCH.get(env.get(ALLOW_CUSTOM, "").lower())
        if allowed is None:
            problems.append(f"{ALLOW_CUSTOM} must be true or false, not {env[ALLOW_CUSTOM]!r}")
        attempts = env.get("MAX_ATTEMPTS", "4")
        if not (attempts.isascii() and attempts.isdigit() and int(attempts) >= 1):
            problems.append(f"MAX_ATTEMPTS must be a whole number of at least 1, not {attempts!r}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(Path(env[EVENT_PATH]), bool(allowed), int(attempts))
