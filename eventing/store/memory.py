"""The store's twin in memory, for tests and for trying a function by hand."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from eventing.catalogue import Claim
from eventing.store.errors import DigestMismatch, ObjectChanged, ObjectMissing
from eventing.store.port import StoredObject, join_uri, split_uri
from eventing.store.stream import guarded


@dataclass(frozen=True)
class _Content:
    raw: bytes
    etag: str
    modified: datetime


class MemoryStore:
    """A `Store` that lasts as long as the object. Buckets must be made first, as in the real one."""

    def __init__(self, *buckets: str) -> None:
        self._buckets: dict[str, dict[str, _Content]] = {name: {} for name in buckets}

    def get(self, uri: str, sha256: str | None = None) -> bytes:
        raw = self._content(uri).raw
        found = hashlib.sha256(raw).hexdigest()
        if sha256 is not None and found != sha256:
            raise DigestMismatch(uri, sha256, found)
        return raw

    def open(self, uri: str, etag: str | None = None) -> BinaryIO:
        content = self._content(uri)
        if etag is not None and content.etag != etag:
            raise ObjectChanged(uri, etag, content.etag)

        def verify() -> None:
            if etag is not None:
                self._expect(uri, etag)

        return guarded(io.BytesIO(content.raw), verify=verify, failed=lambda error: error)

    def put(self, uri: str, data: bytes | BinaryIO) -> Claim:
        raw = data if isinstance(data, bytes) else data.read()
        bucket, key = split_uri(uri)
        etag = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        self._bucket(bucket)[key] = _Content(raw, etag, datetime.now(UTC))
        return Claim.of(uri, raw)

    def list(self, prefix_uri: str) -> Iterator[StoredObject]:
        bucket, prefix = split_uri(prefix_uri)
        keys = sorted(self._bucket(bucket), key=str.encode)
        return iter([self.head(join_uri(bucket, key)) for key in keys if key.startswith(prefix)])

    def head(self, uri: str) -> StoredObject:
        content = self._content(uri)
        return StoredObject(uri, split_uri(uri)[1], content.etag, len(content.raw), content.modified)

    def ensure_bucket(self, name: str) -> None:
        self._buckets.setdefault(name, {})

    def remove(self, uri: str) -> None:
        """Remove an object, as a person might; the port has no such method because no function ever does."""
        bucket, key = split_uri(uri)
        self._bucket(bucket).pop(key, None)

    def _expect(self, uri: str, etag: str) -> None:
        bucket, key = split_uri(uri)
        content = self._bucket(bucket).get(key)
        if content is None or content.etag != etag:
            raise ObjectChanged(uri, etag, content.etag if content else None)

    def _bucket(self, name: str) -> dict[str, _Content]:
        try:
            return self._buckets[name]
        except KeyError as error:
            raise ObjectMissing(join_uri(name, "")) from error

    def _content(self, uri: str) -> _Content:
        bucket, key = split_uri(uri)
        try:
            return self._bucket(bucket)[key]
        except KeyError as error:
            raise ObjectMissing(uri) from error
