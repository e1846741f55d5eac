"""The store processes that several contracts are run over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kascade.system.stores.embedded import EmbeddedStore
from kascade.system.stores.minio import MinioStore


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store") / "objects", 0, "access", "secretsecret") as running:
        yield running


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioStore]:
    if not Path(sys.executable).with_name("minio").exists() and not shutil.which("minio"):
        pytest.skip("needs MinIO: make minio")
    with MinioStore(tmp_path_factory.mktemp("minio") / "objects", 0, "access", "secretsecret") as running:
        yield running
