"""What can go wrong with the object store.

StoreError
├── ObjectMissing     no such object or bucket
├── ObjectChanged     the object was replaced or removed while it was read
├── DigestMismatch    the bytes are not those that the claim promised
├── RequestRefused    the store refuses this for good: such a key, these credentials
└── StoreUnavailable  the store did not answer; trying later may help
"""

from __future__ import annotations


class StoreError(Exception):
    """The base of every error of the object store; `uri` is the object's address."""

    def __init__(self, uri: str, message: str) -> None:
        super().__init__(f"{uri}: {message}")
        self.uri = uri


class ObjectMissing(StoreError):
    """There is no such object or bucket."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri, "there is no such object")


class ObjectChanged(StoreError):
    """The object is not, or no longer, the version that was asked for."""

    def __init__(self, uri: str, expected: str, found: str | None) -> None:
        now = f"its ETag is now {found}" if found else "it is gone"
        super().__init__(uri, f"was replaced while it was read: expected ETag {expected}, {now}")
        self.expected = expected
        self.found = found


class DigestMismatch(StoreError):
    """The bytes read do not have the digest that was promised."""

    def __init__(self, uri: str, expected: str, found: str) -> None:
        super().__init__(uri, f"has SHA-256 {found}, not {expected} as promised")
        self.expected = expected
        self.found = found


class RequestRefused(StoreError):
    """The store refuses this request however often it is made: the key's form, or the credentials."""


class StoreUnavailable(StoreError):
    """The store did not answer, or not now."""
