"""What launch_training is told by its environment."""

from __future__ import annotations

import pytest

from eventing.environment import SettingsError
from functions.launch_training.engines import AirflowSettings, KubeflowSettings
from functions.launch_training.settings import Settings
from pipelines.engines import Run

KUBEFLOW = {
    "DATABASE_URL": "sqlite:///state.db",
    "TRAINING_ENGINE": "kubeflow",
    "KFP_ENDPOINT": "http://ml-pipeline.kubeflow:8888",
}
AIRFLOW = {
    "DATABASE_URL": "sqlite:///state.db",
    "TRAINING_ENGINE": "airflow",
    "AIRFLOW_ENDPOINT": "http://airflow-api-server.airflow:8080",
}


def kubeflow(**variables: str) -> KubeflowSettings:
    found = Settings.from_env({**KUBEFLOW, **variables}).engine
    assert isinstance(found, KubeflowSettings)
    return found


def test_the_address_of_kubeflow_and_of_the_state_suffice() -> None:
    settings = kubeflow()

    assert settings.connection.endpoint == "http://ml-pipeline.kubeflow:8888"
    assert settings.connection.token_file is None
    assert settings.surroundings.config_maps == {}
    assert settings.open().name == "kubeflow"


def test_what_steps_get_is_listed_by_the_object_that_has_it() -> None:
    found = kubeflow(
        STEP_CONFIG_MAPS="broker:K_SINK,SINK_TIMEOUT_S kascade:AWS_REGION",
        STEP_SECRETS="object-store:AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY",
        STEP_NODE_SELECTOR="pool=cpu kubernetes.io/arch=amd64",
        STEP_IMAGE_PULL_SECRETS="registry",
        STEP_CPU="2",
        STEP_MEMORY="4G",
    ).surroundings

    assert found.config_maps == {"broker": ("K_SINK", "SINK_TIMEOUT_S"), "kascade": ("AWS_REGION",)}
    assert found.secrets == {"object-store": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert found.node_selector == {"pool": "cpu", "kubernetes.io/arch": "amd64"}
    assert found.image_pull_secrets == ("registry",)


def test_airflow_is_reached_by_its_address_and_an_account() -> None:
    account = {"AIRFLOW_USER": "kascade", "AIRFLOW_PASSWORD_FILE": "/secrets/password"}
    found = Settings.from_env({**AIRFLOW, **account}).engine

    assert isinstance(found, AirflowSettings)
    assert found.connection.user == "kascade"
    pages = "http://airflow-api-server.airflow:8080/dags"
    assert found.open().page(Run("run-1", {})) == f"{pages}/kascade_training/runs/run-1"
    assert found.open().page(Run("run-1", {}, b"own")) == f"{pages}/kascade_custom/runs/run-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAINING_ENGINE", ""),
        ("KFP_ENDPOINT", ""),
        ("KFP_ENDPOINT", "ml-pipeline:8888"),
        ("TRAINING_ENGINE", "jenkins"),
        ("KFP_NAMESPACE", "My Namespace"),
        ("KFP_TIMEOUT_S", "0"),
        ("STEP_SECRETS", "object-store"),
        ("STEP_SECRETS", "object-store:"),
        ("STEP_NODE_SELECTOR", "pool"),
        ("STEP_CPU", "many"),
        ("LAUNCH_DEADLINE_S", "soon"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**KUBEFLOW, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW_ENDPOINT", "airflow"),
        ("AIRFLOW_USER", "kascade"),
        ("AIRFLOW_TIMEOUT_S", "-1"),
    ],
)
def test_what_is_wrong_about_airflow_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**AIRFLOW, name: value})
