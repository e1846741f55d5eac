"""The settings of log_experiments. The object store's client, and MLflow's for who asks, read their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables


@dataclass(frozen=True)
class Settings:
    """Where MLflow is, and how long it may take.

    Attributes:
        tracking_uri: MLflow's tracking server.
        prefix: what the name of a model's experiment begins with.
        timeout_s: how long one answer is waited for.
        deadline_s: how long all calls for one event may take; then another delivery goes on.
    """

    tracking_uri: str
    prefix: str = ""
    timeout_s: int = 10
    deadline_s: float = 120.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        return read.checked(
            cls(
                read.text("MLFLOW_TRACKING_URI", "https?://[^ ]+", "the address of MLflow's tracking server"),
                read.get("MLFLOW_EXPERIMENT_PREFIX"),
                read.number("MLFLOW_TIMEOUT_S", cls.timeout_s, 1, 60),
                read.seconds("MLFLOW_DEADLINE_S", cls.deadline_s, 1, 250),
            )
        )
