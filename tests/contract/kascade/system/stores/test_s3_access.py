"""Who may ask a store over S3: signatures, clocks and presigned addresses."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from support.s3_clients import Raw, client, refused

from kascade.system.stores.server import StoreServer

EMPTY = hashlib.sha256().hexdigest()


def test_a_wrong_secret_and_an_unknown_key_are_refused(s3_store: StoreServer, bucket: str) -> None:
    wrong = client(s3_store, aws_secret_access_key="wrongwrong")
    refused(lambda: wrong.put_object(Bucket=bucket, Key="a", Body=b""), "SignatureDoesNotMatch")
    unknown = client(s3_store, aws_access_key_id="nobody")
    refused(lambda: unknown.list_objects_v2(Bucket=bucket), "InvalidAccessKeyId")


def test_a_request_that_nobody_signed_is_refused(raw: Raw, bucket: str) -> None:
    for method, path in (("GET", "/"), ("GET", f"/{bucket}"), ("PUT", f"/{bucket}/a")):
        status, body, _ = raw.send(method, path, {}, b"" if method == "PUT" else None)
        assert (status, b"AccessDenied" in body) == (403, True)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_wrong_is_named(raw: Raw, bucket: str, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    headers, _, _ = raw.signed("GET", f"/{bucket}", {"x-amz-content-sha256": EMPTY}, at=at)
    status, body, _ = raw.send("GET", f"/{bucket}", headers)
    assert (status, b"RequestTimeTooSkewed" in body) == (403, True)


def test_a_presigned_address_works_until_it_expires(s3: Any, s3_store: StoreServer, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "a ü+b"}
    signer = client(s3_store, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    put = signer.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    assert requests.put(put, data=b"by link", timeout=10).status_code == 200
    get = signer.generate_presigned_url(
        "get_object", Params={**where, "ResponseContentType": "text/csv"}, ExpiresIn=60
    )
    answer = requests.get(get, timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"by link", "text/csv")
    assert requests.delete(get, timeout=10).status_code == 403
    assert requests.get(get.replace("b?", "c?"), timeout=10).status_code == 403
    past = datetime.now(UTC) - timedelta(seconds=100)
    env = s3_store.env
    request = AWSRequest("GET", f"{s3_store.endpoint}/{bucket}/{quote('a ü+b')}")
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    auth = botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda **_: past.replace(tzinfo=None))
        auth.add_auth(request)
    answer = requests.get(request.url, timeout=10)
    assert answer.status_code == 403, answer.text
    assert "expired" in answer.text.lower()
