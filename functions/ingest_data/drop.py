"""Which object an event tells of."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus

from eventing.catalogue import ObjectRecord
from eventing.event import Event
from eventing.store import join_uri

RAW = "raw"


@dataclass(frozen=True)
class Drop:
    """An object in the bucket `raw`. Without an ETag the version that is there now is meant."""

    bucket: str
    key: str
    etag: str | None

    @property
    def uri(self) -> str:
        """Its address in the store."""
        return join_uri(self.bucket, self.key)


def read_drop(event: Event, record: ObjectRecord) -> Drop:
    """Take the key from the event's subject, where it is plain, else from the record, where S3 encodes it."""
    key = event.subject if event.subject else unquote_plus(record.s3.object.key)
    etag = record.s3.object.etag
    return Drop(record.s3.bucket.name, key, etag.strip('"') if etag else None)
