"""A store process that several contracts are run over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kascade.system.stores.embedded import EmbeddedStore


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "access", "secretsecret") as running:
        yield running
