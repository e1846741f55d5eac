"""What launch_training is told by its environment."""

from __future__ import annotations

import pytest

from eventing.environment import SettingsError
from functions.launch_training.settings import Settings

LEAST = {"DATABASE_URL": "sqlite:///state.db", "KFP_ENDPOINT": "http://ml-pipeline.kubeflow:8888"}


def test_the_address_of_kubeflow_and_of_the_state_suffice() -> None:
    settings = Settings.from_env(LEAST)

    assert settings.connection.endpoint == "http://ml-pipeline.kubeflow:8888"
    assert settings.connection.token_file is None
    assert settings.surroundings.config_maps == {}


def test_what_steps_get_is_listed_by_the_object_that_has_it() -> None:
    settings = Settings.from_env(
        {
            **LEAST,
            "STEP_CONFIG_MAPS": "broker:K_SINK,SINK_TIMEOUT_S kascade:AWS_REGION",
            "STEP_SECRETS": "object-store:AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY",
            "STEP_NODE_SELECTOR": "pool=cpu kubernetes.io/arch=amd64",
            "STEP_IMAGE_PULL_SECRETS": "registry",
            "STEP_CPU": "2",
            "STEP_MEMORY": "4G",
        }
    )

    assert settings.surroundings.config_maps == {
        "broker": ("K_SINK", "SINK_TIMEOUT_S"),
        "kascade": ("AWS_REGION",),
    }
    assert settings.surroundings.secrets == {"object-store": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert settings.surroundings.node_selector == {"pool": "cpu", "kubernetes.io/arch": "amd64"}
    assert settings.surroundings.image_pull_secrets == ("registry",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
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
        Settings.from_env({**LEAST, name: value})
