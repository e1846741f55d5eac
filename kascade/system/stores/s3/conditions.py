"""What a request makes its read or write depend on: what is there, and which bytes of it are asked for."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from kascade.system.stores.s3.call import Call
from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def check_write(call: Call) -> None:
    """Refuse what must not be written: asked before the body is read, and again before it counts."""
    call.index.need_place(call.bucket, call.key)
    check_current(call)


def check_current(call: Call) -> None:
    """Refuse to change an object that is not the one that the client means. Raises: S3Error."""
    if_match, if_none_match = call.header("If-Match"), call.header("If-None-Match")
    if if_match or if_none_match:
        entry = call.index.find(call.bucket, call.key)
        if if_match and entry is None:
            raise S3Error("NoSuchKey", "The specified key does not exist.")
        if entry and (
            (if_match and not _names(if_match, entry)) or (if_none_match and _names(if_none_match, entry))
        ):
            raise _failed()


def check_source(call: Call, source: Entry) -> None:
    """Refuse to copy what is not what the client means. Raises: S3Error."""
    if _unchanged(call, source, "x-amz-copy-source-"):
        raise _failed()


def is_unchanged(call: Call, entry: Entry) -> bool:
    """Say whether a read is answered 304. Raises: S3Error: a condition of the request does not hold."""
    return _unchanged(call, entry, "")


def range_of_read(call: Call, entry: Entry) -> tuple[int, int]:
    """Return first byte and end of what is asked for: all of it when the range is for another version."""
    if_range = call.header("If-Range")
    if if_range and if_range.strip('"') != entry.etag and _time(if_range) != int(entry.modified):
        return 0, entry.size
    return _range(call.header("Range"), entry.size) or (0, entry.size)


def range_of_copy(call: Call, source: Entry) -> tuple[int, int]:
    """Return first byte and end of what is copied. Raises: S3Error: it is not within the source."""
    asked = call.header("x-amz-copy-source-range")
    if asked is None:
        return 0, source.size
    found, last = _range(asked, source.size), asked.rpartition("-")[2]
    if found is None or asked.startswith("bytes=-") or not last or int(last) >= source.size:
        raise S3Error(
            "InvalidArgument", "x-amz-copy-source-range must be bytes=first-last, within the source."
        )
    return found


def _unchanged(call: Call, entry: Entry, prefix: str) -> bool:
    if_match, if_none_match = call.header(f"{prefix}If-Match"), call.header(f"{prefix}If-None-Match")
    since, until = (
        _time(call.header(f"{prefix}If-Modified-Since")),
        _time(call.header(f"{prefix}If-Unmodified-Since")),
    )
    if if_match and not _names(if_match, entry):
        raise _failed()
    if not if_match and until is not None and int(entry.modified) > until:
        raise _failed()
    if if_none_match:
        return _names(if_none_match, entry)
    return since is not None and int(entry.modified) <= since


def _names(condition: str, entry: Entry) -> bool:
    named = [each.strip().removeprefix("W/").strip('"') for each in condition.split(",")]
    return "*" in named or entry.etag in named


def _failed() -> S3Error:
    return S3Error("PreconditionFailed", "At least one of the preconditions you specified did not hold.")


def _time(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError):
        return None


def _range(value: str | None, size: int) -> tuple[int, int] | None:
    """Return first byte and end; None for another form. Raises: S3Error: nothing is there."""
    found = _RANGE.fullmatch(value or "")
    if not found or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= size or (first and last and int(last) < start):
        raise S3Error("InvalidRange", "The requested range is not satisfiable.")
    return start, end
