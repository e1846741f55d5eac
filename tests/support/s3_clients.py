"""Clients of a store that tests need: boto3 as anybody makes it, and requests that no library would make."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kascade.system.stores.server import StoreServer


def client(store: StoreServer, **changed: Any) -> Any:
    env = store.env
    settings = {
        "aws_access_key_id": env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"],
        "region_name": env["AWS_REGION"],
        "endpoint_url": store.endpoint,
        "config": Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    }
    return boto3.session.Session().client("s3", **(settings | changed))


class Raw:
    """Requests that no library would make, signed as they are."""

    def __init__(self, store: StoreServer) -> None:
        self._store = store
        self._address = urlsplit(store.endpoint).netloc

    def signed(
        self, method: str, path: str, headers: Mapping[str, str], *, at: datetime | None = None
    ) -> tuple[dict[str, str], bytes, str]:
        """Return headers with a signature, the key of the signature's chain, and its scope."""
        env = self._store.env
        moment = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        all_headers = {"host": self._address, "x-amz-date": moment, **headers}
        names = ";".join(sorted(all_headers))
        route, _, query = path.partition("?")
        lines = [method, route, query, *(f"{name}:{all_headers[name]}" for name in sorted(all_headers))]
        canonical = "\n".join([*lines, "", names, all_headers["x-amz-content-sha256"]])
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        key = f"AWS4{env['AWS_SECRET_ACCESS_KEY']}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{env['AWS_ACCESS_KEY_ID']}/{scope}"
        all_headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
        return all_headers, key, signature

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: Any = None
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(self._address, timeout=20)
        try:
            chunked = body is not None and not isinstance(body, bytes)
            connection.request(method, path, body=body, headers=dict(headers), encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()


def refused(action: Callable[[], object], *codes: str) -> str:
    with pytest.raises(ClientError) as caught:
        action()
    code: str = caught.value.response["Error"]["Code"]
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert 400 <= status < 500, (status, code)
    assert not codes or code in codes, code
    return code
