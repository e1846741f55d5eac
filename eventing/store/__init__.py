"""The claim-check store: what is too large for an event lies in an object store under an `s3://` address."""

from eventing.store.errors import (
    DigestMismatch,
    ObjectChanged,
    ObjectMissing,
    RequestRefused,
    StoreError,
    StoreUnavailable,
)
from eventing.store.memory import MemoryStore
from eventing.store.port import Store, StoredObject, join_uri, put_by_digest, split_uri
from eventing.store.s3 import S3Store

__all__ = [
    "DigestMismatch",
    "MemoryStore",
    "ObjectChanged",
    "ObjectMissing",
    "RequestRefused",
    "S3Store",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoredObject",
    "join_uri",
    "put_by_digest",
    "split_uri",
]
