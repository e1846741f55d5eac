"""What has changed between what was seen and what is there, and the event that announces it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote_plus

from eventing.attributes import check_text
from eventing.catalogue import S3_CREATED_PREFIX, S3_REMOVED_PREFIX, ObjectRecord
from eventing.catalogue.objects import Bucket, S3Entity, StoredKey
from eventing.event import Event, originate
from eventing.store.port import StoredObject
from functions.state.objects import SeenObject

FUNCTION = "receive_objects"

CREATED = f"{S3_CREATED_PREFIX}:Put"
REMOVED = f"{S3_REMOVED_PREFIX}:Delete"

_NAMESPACE = uuid.UUID("b7ac9c55-5a3a-5d0e-9d57-6f626a656374")


def watched(key: str) -> bool:
    """Say whether a key is announced: not the objects that stand for folders, nor what SQL cannot hold."""
    return not key.endswith("/") and "\x00" not in key


def successor(
    seen: SeenObject | None, bucket: str, key: str, found: StoredObject | None, now: datetime, until: datetime
) -> SeenObject | None:
    """Return the version that follows the one seen, or None when nothing changed.

    Args:
        seen: the version that was known before the store was asked; None for none.
        bucket: where the object lies.
        key: its key.
        found: the object in the store; None when it is not there.
        now: when it was asked; stands for the time of a removal.
        until: until when the successor's event counts as being sent by whoever records it.
    """
    known = seen.etag if seen else None
    if (found.etag if found else None) == known:
        return None
    return SeenObject(
        bucket=bucket,
        key=key,
        etag=found.etag if found else None,
        size=found.size if found else None,
        # A listing has milliseconds and a HEAD has not; both must give the same event.
        modified=(found.modified if found else now).replace(microsecond=0),
        generation=seen.generation + 1 if seen else 1,
        sent=False,
        claimed_until=until,
    )


def changes(
    seen: Mapping[str, SeenObject],
    bucket: str,
    listing: Iterable[StoredObject],
    now: datetime,
    until: datetime,
) -> Iterator[SeenObject]:
    """Yield the successor of every object that appeared, changed or vanished.

    Args:
        seen: what was known of the bucket before the listing began, by key.
        bucket: the bucket.
        listing: all of its objects.
        now: as for `successor`.
        until: as for `successor`.
    """
    listed: set[str] = set()
    for found in listing:
        listed.add(found.key)
        if watched(found.key):
            changed = successor(seen.get(found.key), bucket, found.key, found, now, until)
            if changed is not None:
                yield changed
    for key, known in seen.items():
        if key not in listed and known.etag is not None:
            gone = successor(known, bucket, key, None, now, until)
            if gone is not None:
                yield gone


def left_unsent(seen: Mapping[str, SeenObject], now: datetime) -> list[SeenObject]:
    """Return the versions whose event nobody is sending: their sender crashed, or the sink was away."""
    return [version for version in seen.values() if not version.sent and version.claimed_until <= now]


def event_of(version: SeenObject) -> Event:
    """Return the event that announces a version; the same version always gives the same event."""
    gone = version.etag is None
    record = ObjectRecord(
        eventName="ObjectRemoved:Delete" if gone else "ObjectCreated:Put",
        eventTime=version.modified.isoformat().replace("+00:00", "Z"),
        s3=S3Entity(
            bucket=Bucket(name=version.bucket),
            # Form-encoded, as S3 writes keys in its records; the subject has the key as it is.
            object=StoredKey(key=quote_plus(version.key, safe="/"), eTag=version.etag, size=version.size),
        ),
    )
    event = originate(
        REMOVED if gone else CREATED,
        f"aws:s3..{version.bucket}",
        version.key,
        record,
        id_=identity(version),
        now=version.modified,
    )
    # No attribute may hold a control character; the record says the key in any case.
    return replace(event, subject=None) if check_text(version.key) else event


def identity(version: SeenObject) -> str:
    """Return the event id: the same whoever saw the version, another for each generation."""
    parts = (version.bucket, version.key, version.etag or "", str(version.generation))
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
