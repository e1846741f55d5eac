"""Tests of the settings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from eventing.environment import SettingsError
from functions.roll_out_model.settings import Settings
from knative.local.options import Options


def test_only_the_database_must_be_said() -> None:
    settings = Settings.from_env({"DATABASE_URL": "sqlite:///x.db"})

    assert settings == Settings("sqlite:///x.db")
    assert settings.ready_deadline == timedelta(minutes=2)
    assert settings.serving.image == "kascade/serve-model:0.1.0"


def test_a_phase_is_looked_at_before_the_function_that_looks_is_scaled_to_zero() -> None:
    idle = timedelta(seconds=Options(()).idle_s)

    assert Settings("sqlite:///x.db").watch + timedelta(seconds=10) < idle


def test_model_servers_get_the_brokers_address_and_its_cas() -> None:
    given = {"K_SINK": "https://broker/default", "K_CA_CERTS": "PEM", "SINK_TIMEOUT_S": "120"}

    serving = Settings.from_env({"DATABASE_URL": "sqlite:///x.db", **given}).serving

    assert serving.variables == given


def test_how_model_servers_are_confined_is_told() -> None:
    given = {
        "SINK_TOKEN_FILE": "/var/run/sink/token",
        "SERVE_SINK_AUDIENCE": "eventing.knative.dev/broker/kascade/default",
        "SERVE_READ_ONLY_ROOT": "true",
        "SERVE_SERVICE_ACCOUNT": "functions",
        "SERVE_CPU_LIMIT": "500m",
        "SERVE_MEMORY_LIMIT": "1.5Gi",
    }
    with pytest.raises(SettingsError, match="SERVE_MEMORY_LIMIT"):
        Settings.from_env({"DATABASE_URL": "sqlite:///x.db", **given})

    serving = Settings.from_env(
        {"DATABASE_URL": "sqlite:///x.db", **given, "SERVE_MEMORY_LIMIT": "512Mi"}
    ).serving

    assert serving.limits == {"cpu": "500m", "memory": "512Mi"}
    assert (serving.read_only_root, serving.service_account) == (True, "functions")
    assert serving.sink_audience == given["SERVE_SINK_AUDIENCE"]
    assert serving.variables == {"SINK_TOKEN_FILE": "/var/run/sink/token"}


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "DEPLOY_TARGET": "kserv",
                "READY_DEADLINE_S": "soon",
                "READY_POLL_S": "0",
                "SERVE_MAX_SCALE": "-1",
                "SERVE_CPU_LIMIT": "much",
                "SERVE_READ_ONLY_ROOT": "maybe",
                "SERVE_SINK_AUDIENCE": "broker",
            }
        )

    said = str(caught.value)
    assert "DEPLOY_TARGET is 'kserv': expected knative" in said
    names = "DATABASE_URL READY_DEADLINE_S READY_POLL_S SERVE_MAX_SCALE SERVE_CPU_LIMIT SERVE_READ_ONLY_ROOT"
    for name in (*names.split(), "SINK_TOKEN_FILE"):
        assert name in said


def test_the_platform_gives_a_revision_up_in_time_for_its_reason_to_be_read() -> None:
    serving = Settings.from_env({"DATABASE_URL": "sqlite:///x.db", "READY_DEADLINE_S": "120"}).serving

    assert serving.progress_deadline_s == 90
