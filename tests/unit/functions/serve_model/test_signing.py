"""Tests of the signature: equal to botocore's, whatever the key and the credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.serve_model.signing import signed_headers

NOW = datetime(2026, 11, 23, 9, 30, 15, tzinfo=UTC)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, secret=SECRETS, token=st.none() | SECRETS)
def test_the_signature_is_botocores(
    key: str, secret: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/models/" + quote(key, safe="/-_.~")
    request = AWSRequest(method="GET", url=f"http://store.local:9000{path}")
    request.context["payload_signing_enabled"] = True
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None)
    )
    S3SigV4Auth(Credentials("access", secret, token), "s3", "eu-west-1").add_auth(request)

    ours = signed_headers(
        "store.local:9000",
        path,
        region="eu-west-1",
        access_key="access",
        secret_key=secret,
        session_token=token,
        now=NOW,
    )

    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
