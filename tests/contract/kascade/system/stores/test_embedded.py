"""The embedded store's own promises: its keys, its port, its end."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from eventing.store import RequestRefused, S3Store, StoreUnavailable
from eventing.store.s3 import make_client
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


def test_what_was_answered_survives_a_kill_and_what_was_not_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    with EmbeddedStore(folder, 0, "access", "secretsecret") as running:
        store = S3Store.from_env(running.env)
        store.ensure_bucket("raw")
        for number in range(20):
            store.put(f"s3://raw/{number}", bytes([number]) * 1000)
        address = ("127.0.0.1", running.port)
        with socket.create_connection(address) as half:
            link = make_client(running.env).generate_presigned_url(
                "put_object", Params={"Bucket": "raw", "Key": "half"}
            )
            target = link.removeprefix(running.endpoint)
            head = (
                f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nContent-Length: 9000000\r\n\r\n"
            )
            half.sendall(head.encode() + b"x" * 1_000_000)
            deadline = time.monotonic() + 20
            while len(list((folder / ".objects").iterdir())) < 21:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            os.kill(running.pid, signal.SIGKILL)
    with EmbeddedStore(folder, 0, "access", "secretsecret") as running:
        store = S3Store.from_env(running.env)
        assert len(list(store.list("s3://raw/"))) == 20
        assert all(store.get(f"s3://raw/{number}") == bytes([number]) * 1000 for number in range(20))
        assert len(list((folder / ".objects").iterdir())) == 20


def test_the_files_of_a_folder_become_objects_the_first_time(tmp_path: Path) -> None:
    file = tmp_path / "objects" / "raw" / "churn" / "a b.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"from before")
    for _ in range(2):
        with EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret") as running:
            store = S3Store.from_env(running.env)
            found = store.head("s3://raw/churn/a b.csv")
            assert found.etag == hashlib.md5(b"from before", usedforsecurity=False).hexdigest()
            assert store.get(found.uri) == b"from before"


def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(StoreProcessError, match=f"cannot listen on 127.0.0.1:{port}: .*Choose another"),
            EmbeddedStore(tmp_path / "objects", port, "access", "secretsecret"),
        ):
            pass


def test_a_store_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("no folder")
    store = EmbeddedStore(tmp_path / "objects", 0, "access", "secretsecret")
    with pytest.raises(StoreProcessError, match=r"the object store ended with code 1: .*objects"), store:
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


@pytest.mark.case("B2")
def test_a_key_whose_slash_was_forgotten_is_refused_for_good_and_does_no_harm(
    embedded: EmbeddedStore,
) -> None:
    # Amazon takes both; MinIO does too, and then no longer lists what is below.
    store = S3Store.from_env(embedded.env)
    store.ensure_bucket("slash")
    store.put("s3://slash/m/a.csv", b"a")
    with pytest.raises(RequestRefused, match="already a folder"):
        store.put("s3://slash/m", b"file")
    store.put("s3://slash/n", b"object")
    with pytest.raises(RequestRefused, match="already an object"):
        store.put("s3://slash/n/a.csv", b"a")
    store.put("s3://slash/m/b.csv", b"b")
    assert [each.key for each in store.list("s3://slash/")] == ["m/a.csv", "m/b.csv", "n"]
    assert store.get("s3://slash/m/a.csv") == b"a"
