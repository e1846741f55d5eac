"""Tests of the settings."""

from __future__ import annotations

import pytest

from eventing.environment import SettingsError
from functions.serve_model.settings import Settings, from_env

GOOD = {
    "MODEL_NAME": "churn",
    "MODEL_VERSION": "7",
    "MODEL_URI": "s3://models/churn/v7/model.onnx",
    "MODEL_SHA256": "ab" * 32,
}


def test_only_the_model_must_be_said() -> None:
    settings = from_env(GOOD)

    assert settings == Settings("churn", 7, GOOD["MODEL_URI"], "ab" * 32)
    assert (settings.port, settings.max_bytes, settings.max_rows) == (8080, 8 << 20, 10_000)


def test_the_object_store_is_read_as_boto3_reads_it() -> None:
    env = {"AWS_ENDPOINT_URL_S3": "http://store:9000", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    store = from_env({**GOOD, **env, "AWS_REGION": "eu-west-1"}).store

    assert (store.endpoint_url, store.region) == ("http://store:9000", "eu-west-1")
    assert (store.access_key, store.secret_key, store.session_token) == ("a", "b", None)


@pytest.mark.parametrize("text", ["a CA", "/etc/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "ü"])
def test_cas_that_are_no_pem_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="K_CA_CERTS must be the certificates of CAs in PEM"):
        from_env({**GOOD, "K_SINK": "https://broker/default", "K_CA_CERTS": text})


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        from_env(
            {
                "MODEL_NAME": "Not A Label",
                "MODEL_VERSION": "0",
                "MODEL_URI": "ftp://x",
                "PORT": "eighty",
                "MAX_ROWS": "70000",
                "MAX_BODY_BYTES": "-1",
            }
        )

    said = [problem.split(" ")[0] for problem in caught.value.problems]
    assert said == [
        "MODEL_NAME",
        "MODEL_VERSION",
        "MODEL_URI",
        "MODEL_SHA256",
        "PORT",
        "MAX_BODY_BYTES",
        "MAX_ROWS",
    ]
    assert "MODEL_SHA256 is not set: expected the SHA-256 of model.onnx, 64 hex digits" in str(caught.value)
