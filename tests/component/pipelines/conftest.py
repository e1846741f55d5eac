"""One thread for each numerical library, as the pipeline's own environment gives on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.training import put_dataset, train
from threadpoolctl import threadpool_limits

from eventing.store.memory import MemoryStore


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep the thread pools from fighting over the cores."""
    with threadpool_limits(limits=1):
        yield


def version(
    folder: Path, table: pa.Table, kinds: dict[str, str], spec: str
) -> tuple[dict[str, Any], MemoryStore]:
    """Train a version; return its card and the store that holds it."""
    store = MemoryStore()
    card = train(store, put_dataset(store, [table], kinds, spec), folder)
    return card.model_dump(mode="json"), store
