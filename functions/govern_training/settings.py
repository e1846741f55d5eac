"""The settings of govern_training, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from eventing.environment import Variables

DEFAULT_RUN_LEASE_S = 16_200
DEFAULT_RUN_START_S = 900
DEFAULT_RUN_SILENCE_S = 900
DEFAULT_GATE_HOLD_S = 900
DEFAULT_ROLLOUT_HOLD_S = 3_600


@dataclass(frozen=True)
class Settings:
    """Where the state is, and how long a run may send no event.

    Attributes:
        database_url: of functions.state.
        run_lease: a run that sends no event for so long is lost; longer than the job's own deadline.
        run_start: a run with none before it that has not begun for so long is lost.
        run_silence: as run_lease, for a run that has told how far it is, which it does every few minutes.
        gate_hold: how long a candidate without a verdict keeps other runs waiting.
        rollout_hold: how long a rollout that sends no event does; each phase adds its deadline.
        code_digest: of the training code; computed from the installed sources when empty.
    """

    database_url: str
    run_lease: timedelta = timedelta(seconds=DEFAULT_RUN_LEASE_S)
    run_start: timedelta = timedelta(seconds=DEFAULT_RUN_START_S)
    run_silence: timedelta = timedelta(seconds=DEFAULT_RUN_SILENCE_S)
    gate_hold: timedelta = timedelta(seconds=DEFAULT_GATE_HOLD_S)
    rollout_hold: timedelta = timedelta(seconds=DEFAULT_ROLLOUT_HOLD_S)
    code_digest: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(
            cls(
                read.database_url(),
                run_lease=read.duration("RUN_LEASE_S", DEFAULT_RUN_LEASE_S),
                run_start=read.duration("RUN_START_S", DEFAULT_RUN_START_S),
                run_silence=read.duration("RUN_SILENCE_S", DEFAULT_RUN_SILENCE_S),
                gate_hold=read.duration("GATE_HOLD_S", DEFAULT_GATE_HOLD_S),
                rollout_hold=read.duration("ROLLOUT_HOLD_S", DEFAULT_ROLLOUT_HOLD_S),
                code_digest=read.get("CODE_DIGEST"),
            )
        )
