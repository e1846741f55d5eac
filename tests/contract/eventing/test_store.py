"""What every store does, over the twin in memory and a real S3 server."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventing.store import DigestMismatch, ObjectChanged, ObjectMissing

NAMES = ["a.csv", "münchen ☃ 100%+&=?#.csv", "a/deep/er/b.csv", " spaced .csv", "..c/..d.csv", "quote\"'.csv"]


def test_what_is_put_is_got_with_its_digest(subject: Any) -> None:
    claim = subject.store.put("s3://raw/churn/a.csv", b"a,b\n1,2\n")
    assert claim.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert subject.store.get(claim.uri, claim.sha256) == b"a,b\n1,2\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_survives(subject: Any, name: str) -> None:
    uri = f"s3://raw/churn/{name}"
    subject.store.put(uri, name.encode())
    assert subject.store.get(uri) == name.encode()
    assert [entry.uri for entry in subject.store.list("s3://raw/churn/")] == [uri]
    assert subject.store.head(uri).key == f"churn/{name}"


def test_an_empty_object_is_an_object(subject: Any) -> None:
    claim = subject.store.put("s3://raw/empty", b"")
    assert subject.store.get(claim.uri, claim.sha256) == b""
    assert subject.store.head(claim.uri).size == 0


def test_another_digest_than_promised_is_refused(subject: Any) -> None:
    claim = subject.store.put("s3://raw/a", b"one")
    subject.store.put("s3://raw/a", b"two")
    with pytest.raises(DigestMismatch) as caught:
        subject.store.get(claim.uri, claim.sha256)
    assert caught.value.found == hashlib.sha256(b"two").hexdigest()


def test_a_missing_object_is_said_to_be_missing(subject: Any) -> None:
    for call in (subject.store.get, subject.store.open, subject.store.head):
        with pytest.raises(ObjectMissing, match="s3://raw/nothing"):
            call("s3://raw/nothing")


def test_a_missing_bucket_is_said_to_be_missing(subject: Any) -> None:
    with pytest.raises(ObjectMissing):
        subject.store.get("s3://nowhere/a")
    with pytest.raises(ObjectMissing):
        list(subject.store.list("s3://nowhere/"))


def test_a_bucket_can_be_ensured_twice(subject: Any) -> None:
    subject.store.ensure_bucket("models")
    subject.store.ensure_bucket("models")
    subject.store.put("s3://models/a", b"x")
    assert subject.store.get("s3://models/a") == b"x"


def test_a_stream_is_stored_with_the_digest_of_what_was_read(subject: Any) -> None:
    raw = bytes(range(256)) * (70 * 1024)  # 17.5 MiB: more than one part
    claim = subject.store.put("s3://raw/large", io.BytesIO(raw))
    assert claim.sha256 == hashlib.sha256(raw).hexdigest()
    with subject.store.open(claim.uri) as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == claim.sha256


def test_a_stream_starts_where_its_file_stands(subject: Any) -> None:
    stream = io.BytesIO(b"header,rest")
    stream.seek(7)
    claim = subject.store.put("s3://raw/a", stream)
    assert subject.store.get(claim.uri, hashlib.sha256(b"rest").hexdigest()) == b"rest"


def test_an_open_object_is_read_by_lines(subject: Any) -> None:
    subject.store.put("s3://raw/a", b"one\ntwo\nthree")
    with subject.store.open("s3://raw/a") as stream:
        assert list(stream) == [b"one\n", b"two\n", b"three"]


def test_opening_another_version_than_asked_for_is_refused(subject: Any) -> None:
    subject.store.put("s3://raw/a", b"one")
    etag = subject.store.head("s3://raw/a").etag
    subject.store.put("s3://raw/a", b"two, and longer")
    with pytest.raises(ObjectChanged, match="was replaced while it was read"):
        subject.store.open("s3://raw/a", etag)


def test_the_version_asked_for_is_read_to_its_end(subject: Any) -> None:
    subject.store.put("s3://raw/a", b"one")
    with subject.store.open("s3://raw/a", subject.store.head("s3://raw/a").etag) as stream:
        assert stream.read() == b"one"


def test_a_file_replaced_while_it_is_read_is_an_error_and_never_a_mixture(subject: Any) -> None:
    old, new = b"o" * (8 << 20), b"n" * (9 << 20)
    subject.store.put("s3://raw/a", old)
    stream = subject.store.open("s3://raw/a", subject.store.head("s3://raw/a").etag)
    start = stream.read(1024)
    subject.store.put("s3://raw/a", new)
    with pytest.raises(ObjectChanged):
        stream.read()
    assert start == old[:1024]
    stream.close()


def test_a_file_removed_while_it_is_read_is_an_error(subject: Any) -> None:
    subject.store.put("s3://raw/a", b"o" * (8 << 20))
    stream = subject.store.open("s3://raw/a", subject.store.head("s3://raw/a").etag)
    stream.read(1024)
    subject.remove("s3://raw/a")
    with pytest.raises(ObjectChanged, match="it is gone"):
        stream.read()
    stream.close()


def test_a_listing_gives_keys_in_order_with_etag_size_and_time(subject: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    for key in ("b", "a/2", "a/1", "ab"):
        subject.store.put(f"s3://raw/{key}", key.encode())
    listed = list(subject.store.list("s3://raw/a"))
    assert [entry.key for entry in listed] == ["a/1", "a/2", "ab"]
    assert [(entry.etag, entry.size) for entry in listed] == [
        (hashlib.md5(entry.key.encode()).hexdigest(), len(entry.key))  # noqa: S324
        for entry in listed
    ]
    assert all(entry.modified.tzinfo and entry.modified > before for entry in listed)


def test_the_etag_changes_with_the_content_and_only_with_it(subject: Any) -> None:
    etags = []
    for content in (b"A", b"B", b"A"):
        subject.store.put("s3://raw/a", content)
        etags.append(subject.store.head("s3://raw/a").etag)
        assert [entry.etag for entry in subject.store.list("s3://raw/a")] == etags[-1:]
    assert etags[0] == etags[2] != etags[1]


def test_a_listing_longer_than_a_page_is_complete(subject: Any) -> None:
    for number in range(25):
        subject.store.put(f"s3://raw/many/{number:04}", b"")
    assert [entry.key for entry in subject.store.list("s3://raw/many/")] == [
        f"many/{n:04}" for n in range(25)
    ]


def test_an_address_that_is_none_is_an_error(subject: Any) -> None:
    with pytest.raises(ValueError, match="no address of the form s3://"):
        subject.store.get("https://example.com/a")
