"""The stores that every S3 client must find the same in."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from support.s3_clients import Raw, client

from kascade.system.stores.server import StoreServer


@pytest.fixture(params=["embedded", "minio"])
def s3_store(request: pytest.FixtureRequest) -> StoreServer:
    running: StoreServer = request.getfixturevalue(request.param)
    return running


@pytest.fixture
def s3(s3_store: StoreServer) -> Any:
    """A boto3 client as anybody makes it, with a part of the checksums by default."""
    return client(s3_store)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def raw(s3_store: StoreServer) -> Raw:
    return Raw(s3_store)
