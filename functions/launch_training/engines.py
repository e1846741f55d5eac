"""The engines that runs can be handed to: each reads its settings from the environment, and opens itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from eventing.environment import Variables
from pipelines.engines import TrainingEngine
from pipelines.engines import airflow as af
from pipelines.engines import kubeflow as kf
from pipelines.engines.kubeflow_package import Surroundings
from pipelines.engines.model_limits import ModelLimits

_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_KEYS = rf"{_NAME}:[A-Za-z_][A-Za-z0-9_]*(,[A-Za-z_][A-Za-z0-9_]*)*"
_LABEL = r"[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*"
_SECRET_KEYS = rf"{_NAME}:[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*"
_CORES, _MEMORY = r"[0-9]+(\.[0-9]+)?|[0-9]+m", r"[0-9]+([KMGT]i?)?"
_ADDRESS = "https?://[^ ]+"


class EngineSettings(Protocol):
    """How an engine is reached."""

    def open(self) -> TrainingEngine:
        """Return the engine; no connection is opened yet."""
        ...


@dataclass(frozen=True)
class KubeflowSettings:
    """Kubeflow Pipelines: its API server, and what the steps' pods get."""

    connection: kf.Connection
    surroundings: Surroundings

    @classmethod
    def read(cls, read: Variables) -> KubeflowSettings:
        """Read the settings."""
        connection = kf.Connection(
            endpoint=read.text("KFP_ENDPOINT", _ADDRESS, "the address of Kubeflow Pipelines' API server"),
            namespace=read.text("KFP_NAMESPACE", _NAME, "a namespace", ""),
            experiment=read.text("KFP_EXPERIMENT", ".{1,255}", "a name", kf.Connection.experiment),
            service_account=read.text("KFP_SERVICE_ACCOUNT", _NAME, "a service account", ""),
            token_file=read.get("KFP_TOKEN_FILE") or None,
            cookies=read.get("KFP_COOKIES") or None,
            ca_file=read.get("KFP_CA_FILE") or None,
            pages=read.text("KFP_PAGES", _ADDRESS, "the address of Kubeflow's user interface", ""),
            timeout_s=read.seconds("KFP_TIMEOUT_S", kf.Connection.timeout_s, 0.1, 60),
        )
        surroundings = Surroundings(
            config_maps=_keys(read, "STEP_CONFIG_MAPS"),
            secrets=_keys(read, "STEP_SECRETS"),
            image=read.get("STEP_IMAGE") or None,
            image_pull_secrets=_words(read, "STEP_IMAGE_PULL_SECRETS", _NAME, "names of Secrets"),
            node_selector=_labels(read, "STEP_NODE_SELECTOR"),
            cpu=read.text("STEP_CPU", _CORES, "a number of cores, such as 2", ""),
            memory=read.text("STEP_MEMORY", _MEMORY, "an amount, such as 4G", ""),
            limits=ModelLimits(
                cpu=read.text("STEP_MAX_CPU", _CORES, "a number of cores, such as 2", ""),
                memory=read.text("STEP_MAX_MEMORY", _MEMORY, "an amount, such as 4G", ""),
                gpu=read.number("STEP_MAX_GPU", 0, 0, 64),
                node_selector=_allowed_labels(read, "STEP_ALLOWED_NODES"),
                secrets=_keys(read, "STEP_ALLOWED_SECRETS", _SECRET_KEYS),
            ),
        )
        return cls(connection, surroundings)

    def open(self) -> TrainingEngine:
        """See `EngineSettings`."""
        return kf.KubeflowEngine(self.connection, self.surroundings)


@dataclass(frozen=True)
class AirflowSettings:
    """Airflow: its API server."""

    connection: af.Connection

    @classmethod
    def read(cls, read: Variables) -> AirflowSettings:
        """Read the settings."""
        password_file = read.get("AIRFLOW_PASSWORD_FILE") or None
        user = read.get("AIRFLOW_USER")
        if bool(user) != bool(password_file):
            read.wrong("AIRFLOW_USER and AIRFLOW_PASSWORD_FILE: set both, or neither")
        return cls(
            af.Connection(
                endpoint=read.text("AIRFLOW_ENDPOINT", _ADDRESS, "the address of Airflow's API server"),
                user=user,
                password_file=password_file,
                token_file=read.get("AIRFLOW_TOKEN_FILE") or None,
                ca_file=read.get("AIRFLOW_CA_FILE") or None,
                pages=read.text("AIRFLOW_PAGES", _ADDRESS, "the address of Airflow's user interface", ""),
                timeout_s=read.seconds("AIRFLOW_TIMEOUT_S", af.Connection.timeout_s, 0.1, 60),
            )
        )

    def open(self) -> TrainingEngine:
        """See `EngineSettings`."""
        return af.AirflowEngine(self.connection)


ENGINES: Mapping[str, Callable[[Variables], EngineSettings]] = MappingProxyType(
    {"kubeflow": KubeflowSettings.read, "airflow": AirflowSettings.read}
)


def _words(read: Variables, name: str, pattern: str, expected: str) -> tuple[str, ...]:
    """Return words that are separated by spaces."""
    all_of_them = rf"{pattern}( +{pattern})*"
    return tuple(read.text(name, all_of_them, f"{expected}, separated by spaces", "").split())


def _keys(read: Variables, name: str, pattern: str = _KEYS) -> dict[str, tuple[str, ...]]:
    """Return keys by the object that has them, from `object:KEY,KEY object:KEY`."""
    words = _words(read, name, pattern, "object:KEY,KEY")
    pairs = (word.split(":", 1) for word in words if ":" in word)
    return {owner: tuple(keys.split(",")) for owner, keys in pairs}


def _labels(read: Variables, name: str) -> dict[str, str]:
    """Return labels, from `label=value label=value`."""
    words = _words(read, name, _LABEL, "label=value")
    return dict(word.split("=", 1) for word in words if "=" in word)


def _allowed_labels(read: Variables, name: str) -> dict[str, tuple[str, ...]]:
    """Return the values that may be asked for, by label, from `label=value label=value`."""
    found: dict[str, tuple[str, ...]] = {}
    for word in _words(read, name, _LABEL, "label=value"):
        label, _, value = word.partition("=")
        found[label] = (*found.get(label, ()), value)
    return found
