"""Checks AWS Signature Version 4, of headers and of presigned addresses.

The rules are those of "Authenticating Requests (AWS Signature Version 4)" in Amazon's S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from kascade.system.stores.s3.errors import S3Error

UNSIGNED = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"
_CONTENT = "x-amz-content-sha256"  # it is signed always, as the last line
_MAX_SKEW = timedelta(minutes=15)
_MAX_EXPIRES_S = 7 * 24 * 3600
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_HEADER = re.compile(
    rf"{_ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})"
)


@dataclass(frozen=True)
class Keys:
    """Whose requests are taken."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Target:
    """What a request is about, decoded: path and query of its first line."""

    path: bytes
    query: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, raw: str) -> Target:
        """Split the target of a request's first line."""
        path, _, query = raw.partition("?")
        return cls(unquote_to_bytes(path), tuple(parse_qsl(query, keep_blank_values=True)))


@dataclass
class Signature:
    """A signature that was right; the chunks of the body are signed in a chain that starts with it."""

    content: str
    """What `x-amz-content-sha256` says of the body."""
    key: bytes
    timestamp: str
    scope: str
    value: str

    def follow(self, kind: str, digests: Sequence[str], claimed: str) -> None:
        """Check the signature of the next chunk, or of the trailer. Raises: S3Error."""
        text = "\n".join([f"{_ALGORITHM}-{kind}", self.timestamp, self.scope, self.value, *digests])
        self.value = _compare(self.key, text, claimed)


def verify(method: str, target: Target, headers: Mapping[str, str], keys: Keys, now: datetime) -> Signature:
    """Check who sent a request.

    Args:
        method: HTTP's.
        target: path and query.
        headers: by lower-case name, and Authorization; several of one name joined by a comma.
        keys: whose requests are taken.
        now: the present.

    Raises:
        S3Error: it is not signed, not by these keys, or too early or late.
    """
    query = dict(target.query)
    if "X-Amz-Signature" in query:
        credential, names = query.get("X-Amz-Credential", ""), query.get("X-Amz-SignedHeaders", "")
        claimed, stamp = query["X-Amz-Signature"], query.get("X-Amz-Date", "")
        content = headers.get("x-amz-content-sha256", UNSIGNED)
        _refuse_untimely(_time_of(stamp), query.get("X-Amz-Expires", ""), now)
    elif found := _HEADER.fullmatch(headers.get("Authorization", "")):
        credential, names, claimed = found.groups()
        stamp, content = headers.get("x-amz-date", ""), headers.get("x-amz-content-sha256", "")
        if abs(_time_of(stamp) - now) > _MAX_SKEW:
            raise S3Error(
                "RequestTimeTooSkewed",
                "The difference between the request time and the server's time is too large.",
            )
    else:
        raise S3Error("AccessDenied", "Access Denied: the request is not signed by AWS Signature Version 4.")
    access_key, _, scope = credential.partition("/")
    if not hmac.compare_digest(_bytes(access_key), keys.access_key.encode()):
        raise S3Error("InvalidAccessKeyId", "The access key does not exist in our records.")
    parts = scope.split("/")
    if len(parts) != 4 or parts[0] != stamp[:8] or parts[2:] != ["s3", "aws4_request"]:
        raise S3Error("AccessDenied", "The credential is not scoped to this day and to s3.")
    signed = names.split(";")
    if "host" not in signed:
        raise S3Error("AccessDenied", "The header Host must be signed.")
    if left := [name for name in headers if name.startswith("x-amz-") and name not in (*signed, _CONTENT)]:
        raise S3Error("AccessDenied", f"There were headers present which were not signed: {', '.join(left)}")
    key = f"AWS4{keys.secret_key}".encode()
    for part in parts:
        key = hmac.digest(key, _bytes(part), "sha256")
    canonical = _canonical(method, target, headers, signed, content)
    digest = hashlib.sha256(_bytes(canonical)).hexdigest()
    value = _compare(key, "\n".join([_ALGORITHM, stamp, scope, digest]), claimed)
    return Signature(content, key, stamp, scope, value)


def _canonical(
    method: str, target: Target, headers: Mapping[str, str], signed: Sequence[str], content: str
) -> str:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in target.query
        if name != "X-Amz-Signature"
    )
    lines = [method, quote(target.path, safe="/-_.~"), "&".join(f"{name}={value}" for name, value in pairs)]
    lines += [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed]
    return "\n".join([*lines, "", ";".join(signed), content])


def _compare(key: bytes, text: str, claimed: str) -> str:
    right = hmac.digest(key, _bytes(text), "sha256").hex()
    if not hmac.compare_digest(right.encode(), _bytes(claimed)):
        raise S3Error(
            "SignatureDoesNotMatch",
            "The signature calculated does not match the one provided. Check your key and signing method.",
        )
    return right


def _bytes(text: str) -> bytes:
    """Return a header as it came: what is not UTF-8 stands for its bytes."""
    return text.encode(errors="surrogateescape")


def _time_of(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise S3Error("AccessDenied", "The request needs a date of the form 20260131T235959Z.") from error


def _refuse_untimely(start: datetime, expires: str, now: datetime) -> None:
    if not re.fullmatch("[0-9]{1,6}", expires) or not 0 < int(expires) <= _MAX_EXPIRES_S:
        raise S3Error("AccessDenied", "X-Amz-Expires must be from 1 to 604800 seconds.")
    if start - now > _MAX_SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet")
    if now > start + timedelta(seconds=int(expires)):
        raise S3Error("AccessDenied", "Request has expired")
