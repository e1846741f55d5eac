"""The settings of console, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.environment import Variables

DEFAULT_SERVICES = "http://{}.kascade.svc.cluster.local"


@dataclass(frozen=True)
class Settings:
    """Where the other functions answer, and what people may do here.

    Attributes:
        services_url: of a function or a model; its name takes the place of `{}`.
        namespace: whose functions are shown.
        steering: whether a page has buttons that send events: whoever reaches the console may press them.
        timeout_s: how long another function is waited for.
    """

    services_url: str = DEFAULT_SERVICES
    namespace: str = "kascade"
    steering: bool = False
    timeout_s: float = 10.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        expected = "an http address with {} in place of a function's name"
        return read.checked(
            cls(
                read.text("SERVICES_URL", r"https?://[^{}\s]*\{\}[^{}\s]*", expected, DEFAULT_SERVICES),
                read.get("KASCADE_NAMESPACE", cls.namespace),
                read.flag("CONSOLE_STEERING"),
                read.seconds("CONSOLE_TIMEOUT_S", cls.timeout_s, 0.1, 60),
            )
        )
