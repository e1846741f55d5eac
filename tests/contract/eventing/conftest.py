"""The stores that the contract is run over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from eventing.store import MemoryStore, S3Store, Store
from eventing.store.s3 import make_client
from kascade.system.stores.embedded import EmbeddedStore
from kascade.system.stores.minio import MinioStore

BUCKET = "raw"


@dataclass
class Subject:
    """A store under test, and a way to remove an object behind its back."""

    store: Store
    remove: Callable[[str], None]


@pytest.fixture(params=["memory", "embedded", "minio"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "memory":
        memory = MemoryStore(BUCKET)
        return Subject(memory, memory.remove)
    running: EmbeddedStore | MinioStore = request.getfixturevalue(request.param)
    store = S3Store(make_client(running.env), page_keys=10)
    store.ensure_bucket(BUCKET)
    for entry in list(store.list(f"s3://{BUCKET}/")):
        store.remove(entry.uri)
    return Subject(store, store.remove)
