"""The settings of launch_training, read from its environment. Engines read theirs in `engines.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from eventing.environment import Variables
from functions.launch_training.engines import ENGINES, EngineSettings
from pipelines.own_code.permission import code_allowed

DEFAULT_DEADLINE_S = 3600.0


@dataclass(frozen=True)
class Settings:
    """Where the state is, and the engine that runs are handed to.

    Attributes:
        database_url: of functions.state.
        engine: how it is reached, and what the steps get there.
        allow_code: whether a spec's own code or pipeline may be run.
        deadline: a run that the engine has not taken by then is given up.
    """

    database_url: str
    engine: EngineSettings
    allow_code: bool = False
    deadline: timedelta = timedelta(seconds=DEFAULT_DEADLINE_S)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        name = read.text("TRAINING_ENGINE", "|".join(ENGINES), " or ".join(ENGINES))
        engine = ENGINES.get(name, ENGINES["kubeflow"])(read)
        return read.checked(
            cls(
                read.database_url(),
                engine,
                code_allowed(read),
                read.duration("LAUNCH_DEADLINE_S", DEFAULT_DEADLINE_S),
            )
        )
