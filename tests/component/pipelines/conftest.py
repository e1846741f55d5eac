"""One thread for each numerical library, as the pipeline's own environment gives on two cores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep the thread pools from fighting over the cores."""
    with threadpool_limits(limits=1):
        yield
