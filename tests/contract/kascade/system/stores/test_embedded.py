"""The embedded store's own promises: its keys, its port, its end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from eventing.store import RequestRefused, S3Store, StoreUnavailable
from kascade.system.process import StoreProcessError
from kascade.system.stores.embedded import EmbeddedStore


@pytest.mark.parametrize("key", ["churn/../x", "../../etc/passwd", "churn/..", "a//b"])
def test_a_key_that_would_leave_its_folder_is_refused_for_good(embedded: EmbeddedStore, key: str) -> None:
    store = S3Store.from_env(embedded.env)
    store.ensure_bucket("raw")
    with pytest.raises(RequestRefused, match="unsupported characters"):
        store.put(f"s3://raw/{key}", b"x")


def test_wrong_credentials_are_refused_for_good(embedded: EmbeddedStore) -> None:
    store = S3Store.from_env({**embedded.env, "AWS_SECRET_ACCESS_KEY": "another"})
    with pytest.raises(RequestRefused):
        store.get("s3://raw/a")


def test_objects_are_still_there_after_a_restart(tmp_path: Path) -> None:
    for turn in range(2):
        with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
            store = S3Store.from_env(running.env)
            if turn == 0:
                store.ensure_bucket("raw")
                store.put("s3://raw/a", b"kept")
            else:
                assert store.get("s3://raw/a") == b"kept"


def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(StoreProcessError, match=f"cannot listen on 127.0.0.1:{port}: .*Choose another"),
            EmbeddedStore(tmp_path / "objects", port, "access", "secretsecret"),
        ):
            pass


def test_a_missing_binary_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, 0, "access", "secretsecret", binary=tmp_path / "absent")
    with pytest.raises(StoreProcessError, match=r"there is no .*absent: install it with"), store:
        pass


def test_a_binary_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "rclone"
    broken.write_text("#!/bin/sh\necho it does not feel like it >&2\nexit 3\n")
    broken.chmod(0o755)
    store = EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret", binary=broken)
    with pytest.raises(StoreProcessError, match="ended with code 3: it does not feel like it"), store:
        pass


def test_no_process_is_left_when_the_context_ends(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
        pid = running.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_store_that_is_gone_is_unavailable_not_missing(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
        store = S3Store.from_env(running.env)
    with pytest.raises(StoreUnavailable):
        store.head("s3://raw/a")
