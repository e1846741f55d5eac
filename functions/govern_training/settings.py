"""What govern_training is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

DEFAULT_RUN_LEASE_S = 16_200
DEFAULT_GATE_HOLD_S = 900
DEFAULT_ROLLOUT_HOLD_S = 3_600


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how long silence is believed.

    Attributes:
        database_url: of functions.state.
        run_lease: a run that says nothing for so long is lost; longer than the job's own deadline.
        gate_hold: how long a candidate without a verdict keeps other runs waiting.
        rollout_hold: how long a rollout that says nothing does; each phase adds its deadline.
        code_digest: of the training code; computed from the installed sources when empty.
    """

    database_url: str
    run_lease: timedelta = timedelta(seconds=DEFAULT_RUN_LEASE_S)
    gate_hold: timedelta = timedelta(seconds=DEFAULT_GATE_HOLD_S)
    rollout_hold: timedelta = timedelta(seconds=DEFAULT_ROLLOUT_HOLD_S)
    code_digest: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        seconds = {
            name: _seconds(env, name, default, problems)
            for name, default in (
                ("RUN_LEASE_S", DEFAULT_RUN_LEASE_S),
                ("GATE_HOLD_S", DEFAULT_GATE_HOLD_S),
                ("ROLLOUT_HOLD_S", DEFAULT_ROLLOUT_HOLD_S),
            )
        }
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(
            database_url=env["DATABASE_URL"],
            run_lease=seconds["RUN_LEASE_S"],
            gate_hold=seconds["GATE_HOLD_S"],
            rollout_hold=seconds["ROLLOUT_HOLD_S"],
            code_digest=env.get("CODE_DIGEST", ""),
        )


def _seconds(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> timedelta:
    try:
        found = timedelta(seconds=float(env.get(name) or default))
    except (ValueError, OverflowError):
        found = timedelta(0)
    if found <= timedelta(0):
        problems.append(f"{name} must be a number of seconds above 0, not {env.get(name)!r}")
    return found
