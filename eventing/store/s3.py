"""The store over any S3: AWS, MinIO, or the embedded one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from eventing.catalogue import Claim
from eventing.store.errors import (
    DigestMismatch,
    ObjectChanged,
    ObjectMissing,
    RequestRefused,
    StoreUnavailable,
)
from eventing.store.port import StoredObject, join_uri, split_uri
from eventing.store.stream import guarded

PART_BYTES = 16 << 20

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_CHANGED = frozenset({"412", "PreconditionFailed"})
_PASSING = frozenset({408, 409, 412, 429})
_MINE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class S3Store:
    """A `Store` over an S3 API, by a boto3 client. Threads may share it."""

    def __init__(self, client: Any, *, page_keys: int = 1000) -> None:
        """Wrap a boto3 client; a listing is read in pages of `page_keys`."""
        self._client = client
        self._page = {"PageSize": page_keys}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> S3Store:
        """Build the store from AWS's own variables; what is absent comes from AWS's usual chain.

        Args:
            env: AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
        """
        return cls(make_client(env))

    def get(self, uri: str, sha256: str | None = None) -> bytes:
        with self.open(uri) as stream:
            raw = stream.read()
        found = hashlib.sha256(raw).hexdigest() if sha256 is not None else None
        if sha256 is not None and found is not None and found != sha256:
            raise DigestMismatch(uri, sha256, found)
        return raw

    def open(self, uri: str, etag: str | None = None) -> BinaryIO:
        bucket, key = split_uri(uri)
        condition = {"IfMatch": f'"{etag}"'} if etag is not None else {}
        with self._translated(uri, etag):
            answer = self._client.get_object(Bucket=bucket, Key=key, **condition)
        if etag is not None and _bare(answer["ETag"]) != etag:  # not every store honours If-Match
            answer["Body"].close()
            raise ObjectChanged(uri, etag, _bare(answer["ETag"]))

        def verify() -> None:
            if etag is not None:
                self._expect(uri, etag)

        def failed(error: Exception) -> Exception:
            if etag is not None:
                self._expect(uri, etag)
            return StoreUnavailable(uri, f"reading broke off: {error}")

        return guarded(answer["Body"], verify=verify, failed=failed)

    def put(self, uri: str, data: bytes | BinaryIO) -> Claim:
        bucket, key = split_uri(uri)
        with self._translated(uri):
            if isinstance(data, bytes):
                self._client.put_object(Bucket=bucket, Key=key, Body=data)
                return Claim.of(uri, data)
            from boto3.s3.transfer import TransferConfig

            reader = _HashingReader(data)
            # Parts one after the other: bounded memory, and the embedded store wants them in order.
            config = TransferConfig(
                multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
            )
            self._client.upload_fileobj(reader, bucket, key, Config=config)
            return Claim(uri=uri, sha256=reader.digest.hexdigest())

    def list(self, prefix_uri: str) -> Iterator[StoredObject]:
        bucket, prefix = split_uri(prefix_uri)
        with self._translated(prefix_uri):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, PaginationConfig=self._page
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"]
                    yield StoredObject(
                        uri=join_uri(bucket, key),
                        key=key,
                        etag=_bare(entry["ETag"]),
                        size=entry["Size"],
                        modified=entry["LastModified"],
                    )

    def head(self, uri: str) -> StoredObject:
        bucket, key = split_uri(uri)
        with self._translated(uri):
            answer = self._client.head_object(Bucket=bucket, Key=key)
        return StoredObject(uri, key, _bare(answer["ETag"]), answer["ContentLength"], answer["LastModified"])

    def ensure_bucket(self, name: str) -> None:
        from botocore.exceptions import ClientError

        with self._translated(join_uri(name, "")):
            try:
                self._client.head_bucket(Bucket=name)
            except ClientError as error:
                if _code(error) not in _MISSING:
                    raise
                self._create(name)

    def remove(self, uri: str) -> None:
        """Remove an object, as a person might; the port has no such method because no function ever does."""
        bucket, key = split_uri(uri)
        with self._translated(uri):
            self._client.delete_object(Bucket=bucket, Key=key)

    def _create(self, name: str) -> None:
        from botocore.exceptions import ClientError

        region = self._client.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=name, **place)
        except ClientError as error:
            if _code(error) not in _MINE:
                raise

    def _expect(self, uri: str, etag: str) -> None:
        try:
            found = self.head(uri).etag
        except ObjectMissing as error:
            raise ObjectChanged(uri, etag, None) from error
        if found != etag:
            raise ObjectChanged(uri, etag, found)

    @contextmanager
    def _translated(self, uri: str, etag: str | None = None) -> Iterator[None]:
        """Turn boto's errors into the store's own."""
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if _code(error) in _MISSING:
                raise ObjectMissing(uri) from error
            if _code(error) in _CHANGED and etag is not None:
                self._expect(uri, etag)
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            final = 400 <= status < 500 and status not in _PASSING
            raise (RequestRefused if final else StoreUnavailable)(uri, str(error)) from error
        except (BotoCoreError, S3UploadFailedError) as error:
            raise StoreUnavailable(uri, str(error)) from error


def make_client(env: Mapping[str, str]) -> Any:
    """Build a boto3 S3 client that works with AWS, MinIO and the embedded store alike."""
    import boto3  # here, not above: it takes 0.3 s, and not every process that knows the port needs it
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or None,
        region_name=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
        aws_access_key_id=env.get("AWS_ACCESS_KEY_ID") or None,
        aws_secret_access_key=env.get("AWS_SECRET_ACCESS_KEY") or None,
        aws_session_token=env.get("AWS_SESSION_TOKEN") or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 3, "mode": "standard"},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=20,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class _HashingReader:
    """Digests what is read through it. It cannot seek, so nothing is read, or digested, twice."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, amount: int = -1) -> bytes:
        chunk = self._stream.read(amount)
        self.digest.update(chunk)
        return chunk


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
