"""The settings of launch_training, read from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from eventing.environment import Variables
from pipelines.engines.kubeflow import Connection
from pipelines.engines.kubeflow_package import Surroundings

ENGINES = ("kubeflow",)
DEFAULT_DEADLINE_S = 3600.0
_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_KEYS = rf"{_NAME}:[A-Za-z_][A-Za-z0-9_]*(,[A-Za-z_][A-Za-z0-9_]*)*"
_LABEL = r"[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*"
_ADDRESS = "https?://[^ ]+"


@dataclass(frozen=True)
class Settings:
    """Where the state is, and the engine that runs are handed to.

    Attributes:
        database_url: of functions.state.
        engine: which one; only `kubeflow`.
        allow_custom_pipelines: whether a spec's own pipeline may be run.
        deadline: a run that the engine has not taken by then is given up.
        connection, surroundings: of Kubeflow Pipelines.
    """

    database_url: str
    engine: str = "kubeflow"
    allow_custom_pipelines: bool = False
    deadline: timedelta = timedelta(seconds=DEFAULT_DEADLINE_S)
    connection: Connection = field(default_factory=lambda: Connection(""))
    surroundings: Surroundings = field(default_factory=Surroundings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        engine = read.text("TRAINING_ENGINE", "|".join(ENGINES), ", ".join(ENGINES), "kubeflow")
        connection = Connection(
            endpoint=read.text("KFP_ENDPOINT", _ADDRESS, "the address of Kubeflow Pipelines' API server"),
            namespace=read.text("KFP_NAMESPACE", _NAME, "a namespace", ""),
            experiment=read.text("KFP_EXPERIMENT", ".{1,255}", "a name", Connection.experiment),
            service_account=read.text("KFP_SERVICE_ACCOUNT", _NAME, "a service account", ""),
            token_file=read.get("KFP_TOKEN_FILE") or None,
            cookies=read.get("KFP_COOKIES") or None,
            ca_file=read.get("KFP_CA_FILE") or None,
            pages=read.text("KFP_PAGES", _ADDRESS, "the address of Kubeflow's user interface", ""),
            timeout_s=read.seconds("KFP_TIMEOUT_S", Connection.timeout_s, 0.1, 60),
        )
        surroundings = Surroundings(
            config_maps=_keys(read, "STEP_CONFIG_MAPS"),
            secrets=_keys(read, "STEP_SECRETS"),
            image=read.get("STEP_IMAGE") or None,
            image_pull_secrets=_words(read, "STEP_IMAGE_PULL_SECRETS", _NAME, "names of Secrets"),
            node_selector=_labels(read, "STEP_NODE_SELECTOR"),
            cpu=read.text("STEP_CPU", r"[0-9]+(\.[0-9]+)?|[0-9]+m", "a number of cores, such as 2", ""),
            memory=read.text("STEP_MEMORY", r"[0-9]+([KMGT]i?)?", "an amount, such as 4G", ""),
        )
        return read.checked(
            cls(
                read.database_url(),
                engine,
                read.flag("ALLOW_CUSTOM_PIPELINES"),
                read.duration("LAUNCH_DEADLINE_S", DEFAULT_DEADLINE_S),
                connection,
                surroundings,
            )
        )


def _words(read: Variables, name: str, pattern: str, expected: str) -> tuple[str, ...]:
    """Return words that are separated by spaces."""
    all_of_them = rf"{pattern}( +{pattern})*"
    return tuple(read.text(name, all_of_them, f"{expected}, separated by spaces", "").split())


def _keys(read: Variables, name: str) -> dict[str, tuple[str, ...]]:
    """Return keys by the object that has them, from `object:KEY,KEY object:KEY`."""
    words = _words(read, name, _KEYS, "object:KEY,KEY")
    pairs = (word.split(":", 1) for word in words if ":" in word)
    return {owner: tuple(keys.split(",")) for owner, keys in pairs}


def _labels(read: Variables, name: str) -> dict[str, str]:
    """Return labels, from `label=value label=value`."""
    words = _words(read, name, _LABEL, "label=value")
    return dict(word.split("=", 1) for word in words if "=" in word)
