"""The port to the object store: what every implementation can do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from eventing.catalogue import Claim

SCHEME = "s3://"


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it. `size` is in bytes, `etag` without quotes, `key` within the bucket."""

    uri: str
    key: str
    etag: str
    size: int
    modified: datetime


class Store(Protocol):
    """An object store. Every method may raise `StoreUnavailable` and `RequestRefused`."""

    def get(self, uri: str, sha256: str | None = None) -> bytes:
        """Return the whole object.

        Args:
            uri: `s3://<bucket>/<key>`.
            sha256: the digest in hex that the bytes must have.

        Raises:
            ObjectMissing: there is no such object.
            DigestMismatch: the bytes have another digest.
        """
        ...

    def open(self, uri: str, etag: str | None = None) -> BinaryIO:
        """Open the object for reading as a stream, without holding it in memory.

        Args:
            uri: `s3://<bucket>/<key>`.
            etag: the version to read.

        Raises:
            ObjectMissing: there is no such object.
            ObjectChanged: the object has another ETag. The stream's `read` raises it too, in place of the
                end, when the object was replaced meanwhile.
        """
        ...

    def put(self, uri: str, data: bytes | BinaryIO) -> Claim:
        """Write the object, replacing one already there, and return its address and digest."""
        ...

    def list(self, prefix_uri: str) -> Iterator[StoredObject]:
        """Yield every object whose address starts with `prefix_uri`, in the order of their keys' bytes.

        Raises:
            ObjectMissing: there is no such bucket.
        """
        ...

    def head(self, uri: str) -> StoredObject:
        """Describe one object.

        Raises:
            ObjectMissing: there is no such object.
        """
        ...

    def ensure_bucket(self, name: str) -> None:
        """Create the bucket unless it is there."""
        ...


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3://<bucket>/<key>` into bucket and key. The key is taken as it stands, nothing is decoded.

    Raises:
        ValueError: when it is no such address.
    """
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not bucket:
        raise ValueError(f"{uri!r} is no address of the form s3://<bucket>/<key>")
    return bucket, key


def put_by_digest(store: Store, folder: str, content: bytes) -> Claim:
    """Store JSON in a folder under its own digest, so that storing it twice changes nothing."""
    return store.put(f"{folder}/{hashlib.sha256(content).hexdigest()}.json", content)


def join_uri(bucket: str, key: str) -> str:
    """Return the address of a key in a bucket."""
    return f"{SCHEME}{bucket}/{key}"
