"""The stores that every S3 client must find the same in."""

from __future__ import annotations

import pytest

from kascade.system.stores.server import StoreServer


@pytest.fixture(params=["embedded", "minio"])
def s3_store(request: pytest.FixtureRequest) -> StoreServer:
    running: StoreServer = request.getfixturevalue(request.param)
    return running
