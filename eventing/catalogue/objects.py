"""S3 object events, as S3 and MinIO write them and the CloudEvents S3 adapter passes them on.

They come from outside in a form that is S3's: a type is known by its prefix, and payloads are read leniently.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from eventing.catalogue.base import Payload, Rows

S3_PREFIX = "com.amazonaws.s3."
S3_CREATED_PREFIX = S3_PREFIX + "ObjectCreated"
S3_REMOVED_PREFIX = S3_PREFIX + "ObjectRemoved"


class _Aliased(Payload):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class Bucket(_Aliased):
    """Where the object lies."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")


class StoredKey(_Aliased):
    """The object. Events of removal have neither ETag nor size."""

    key: str = Field(min_length=1, max_length=1024)
    etag: str | None = Field(default=None, alias="eTag")
    size: Rows | None = None
    version_id: str | None = Field(default=None, alias="versionId")
    sequencer: str | None = None


class S3Entity(_Aliased):
    """The part of a record that says which object."""

    bucket: Bucket
    object: StoredKey


class ObjectRecord(_Aliased):
    """One record of an S3 notification. Senders add much more; what is not used here is passed over."""

    event_name: str = Field(alias="eventName", min_length=1)
    event_time: str | None = Field(default=None, alias="eventTime")
    s3: S3Entity
