"""The settings of materialize_features. The object store's client reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables

FEATURE_SERVER = "http://feature-server.kascade.svc.cluster.local"


@dataclass(frozen=True)
class Settings:
    """Where the state and the feature server are.

    Attributes:
        feature_server: Feast's feature server.
        timeout_s: how long it may take to start and to write one batch of rows.
        check_every_s: how often each model's views are compared online and offline; 0: only when asked for.
    """

    database_url: str
    feature_server: str = FEATURE_SERVER
    timeout_s: float = 120.0
    check_every_s: float = 3600.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        expected = "the http address of a feature server"
        return read.checked(
            cls(
                read.database_url(),
                read.text("FEATURE_SERVER_URL", r"https?://[^\s]+", expected, cls.feature_server),
                read.seconds("FEATURE_SERVER_TIMEOUT_S", cls.timeout_s, 0.1, 600),
                read.seconds("FEATURE_CHECK_EVERY_S", cls.check_every_s, 0, 30 * 86_400),
            )
        )
