"""Fetches the model's bytes by URI and checks their digest."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from functions.serve_model.errors import DigestMismatch, ModelUnavailable, StoreAway
from functions.serve_model.settings import ObjectStore
from functions.serve_model.signing import signed_headers
from pipelines.model_file import MAX_BYTES

_TIMEOUT_S = 20.0
_PAUSES_S = (0.2, 0.5, 1.0)


def fetch_verified(uri: str, sha256: str, store: ObjectStore) -> bytes:
    """Return the bytes at `uri`.

    Raises: DigestMismatch when their SHA-256 is not `sha256`; ModelUnavailable when they cannot be had.
    """
    data = _read_file(uri) if uri.startswith("file://") else _fetch_object(uri, store)
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DigestMismatch(uri, sha256, actual)
    return data


def _read_file(uri: str) -> bytes:
    try:
        return Path(unquote(urlsplit(uri).path)).read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"{uri} cannot be read: {error.strerror or error}") from error


def _fetch_object(uri: str, store: ObjectStore) -> bytes:
    if not (store.access_key and store.secret_key and store.endpoint_url):
        return _fetch_with_boto3(uri)
    return _with_retries(uri, lambda: _get(uri, store))


def _with_retries(uri: str, get: Callable[[], bytes | None]) -> bytes:
    """Try `get` again while it raises OSError or HTTPException, or returns None for "not now".

    Raises: StoreAway when no attempt succeeds.
    """
    reason = "the object store is not ready"
    for pause_s in (*_PAUSES_S, None):
        try:
            data = get()
            if data is not None:
                return data
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
        if pause_s is not None:
            time.sleep(pause_s)
    raise StoreAway(f"{uri} cannot be fetched after {len(_PAUSES_S) + 1} attempts: {reason}")


def _get(uri: str, store: ObjectStore) -> bytes | None:
    """GET an object, path style; None on a 5xx or 429. Raises: ModelUnavailable on another refusal."""
    endpoint = urlsplit(store.endpoint_url or "")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    path = f"{endpoint.path.rstrip('/')}/{bucket}/{quote(key, safe='/-_.~')}"
    connect = http.client.HTTPSConnection if endpoint.scheme == "https" else http.client.HTTPConnection
    connection = connect(endpoint.hostname or "", endpoint.port, timeout=_TIMEOUT_S)
    headers = signed_headers(
        endpoint.netloc,
        path,
        region=store.region,
        access_key=store.access_key or "",
        secret_key=store.secret_key or "",
        session_token=store.session_token,
        now=datetime.now(UTC),
    )
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        if response.length is not None and response.length > MAX_BYTES:
            raise ModelUnavailable(f"{uri} has {response.length} bytes, at most {MAX_BYTES} are read")
        body = response.read()
    finally:
        connection.close()
    if response.status >= 500 or response.status == 429:
        return None
    if response.status != 200:
        reason = body[:300].decode(errors="replace")
        raise ModelUnavailable(
            f"{uri}: the object store answered {response.status} {response.reason}: {reason}"
        )
    return body


def _fetch_with_boto3(uri: str) -> bytes:
    """Fetch where the keys are not in the environment (a workload identity, a profile); slower to start."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        data: bytes = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ModelUnavailable(f"{uri} cannot be fetched: {error}") from error
    return data
