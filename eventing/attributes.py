"""The rules that the values of context attributes obey (CloudEvents 1.0.2, "Type System").

Each `check_…` returns what is wrong, as the end of a sentence that starts with the attribute's name, or None.
"""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from eventing.media_types import kind_of
from eventing.times import check_time

MAX_ATTRIBUTE_BYTES = 4096
"""The longest value taken, in UTF-8. The longest legitimate one is an object key: 1,024 bytes."""

MAX_NAME_LENGTH = 64

_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt](?P<clock>\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#]*)")
_PORT = re.compile(r":[0-9]*")
_FUTURE_ADDRESS = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
_NOT_IN_URIS = re.compile(r'[\s<>"{}|\\^`]|%(?![0-9A-Fa-f]{2})')
_NOT_IN_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# CloudEvents HTTP binding 3.1.3.2: all but printable ASCII, and of that space, double quote and percent.
_UNQUOTED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def check_attribute(name: str, value: Any) -> str | None:
    """Check the value of the attribute `name` by the rules of its type; a time may be parsed already."""
    if name == "time" and isinstance(value, datetime):
        return None
    if not isinstance(value, str):
        return f"must be a string, not {kind_of(value)}"
    wrong = check_text(value) or check_name(name)
    if wrong or not value:
        return wrong or "must not be empty"
    if name == "source":
        return check_uri_reference(value)
    return check_uri(value) if name in ("dataschema", "schemaurl") else None


def check_text(value: str) -> str | None:
    """Check a String: no control characters, no surrogates, a sane length."""
    unfit = _NOT_IN_TEXT.search(value)
    if unfit:
        return f"holds U+{ord(unfit[0]):04X} at position {unfit.start()}, which no attribute may hold"
    size = len(value.encode())
    if size > MAX_ATTRIBUTE_BYTES:
        return f"is {size} bytes long; at most {MAX_ATTRIBUTE_BYTES} are taken: put it into the data"
    return None


def check_name(name: str) -> str | None:
    """Check the name of an extension: only its length, its characters are the SDK's to check."""
    if len(name) > MAX_NAME_LENGTH:
        return f"is a name of {len(name)} characters; at most {MAX_NAME_LENGTH} are taken"
    return None


def check_uri_reference(value: str) -> str | None:
    """Check a URI-reference (RFC 3986, letters outside ASCII tolerated), as `source` must be."""
    unfit = _NOT_IN_URIS.search(value)
    if unfit:
        return f"is not a URI-reference: {unfit[0]!r} at position {unfit.start()} must be percent-encoded"
    head = re.split(r"[/?#]", value, maxsplit=1)[0]
    if ":" in head and not _SCHEME.fullmatch(head.split(":", 1)[0]):
        return "is not a URI-reference: what stands before the first ':' is no URI scheme"
    authority = _AUTHORITY.match(value)
    return _check_authority(authority[1]) if authority else None


def _check_authority(authority: str) -> str | None:
    """Check what stands between `//` and the path: a host, after it maybe a port (RFC 3986, section 3.2)."""
    host_and_port = authority.rpartition("@")[2]
    if host_and_port.startswith("["):
        address, closed, port = host_and_port[1:].partition("]")
        if not closed or not _is_address(address):
            return "is not a URI-reference: what begins with '[' is no IP address in brackets"
    else:
        host, colon, number = host_and_port.partition(":")
        port = f"{colon}{number}"
        if "[" in host or "]" in host:
            return "is not a URI-reference: a bracket stands in its host"
    if port and not _PORT.fullmatch(port):
        return f"is not a URI-reference: {port!r} after its host is no port"
    return None


def _is_address(text: str) -> bool:
    if _FUTURE_ADDRESS.fullmatch(text):
        return True
    try:
        return IPv6Address(text.partition("%25")[0]) is not None
    except ValueError:
        return False


def check_uri(value: str) -> str | None:
    """Check an absolute URI, as `dataschema` must be."""
    wrong = check_uri_reference(value)
    if wrong:
        return wrong
    if not _SCHEME.match(value) or ":" not in re.split(r"[/?#]", value, maxsplit=1)[0]:
        return "is not an absolute URI: it has no scheme, such as https:"
    return None


def parse_time(value: str) -> datetime:
    """Parse an RFC 3339 time; digits beyond microseconds are cut off.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence.
    """
    found = _TIME.fullmatch(value)
    if not found:
        raise ValueError("is not an RFC 3339 time such as 2026-11-23T08:00:00Z")
    zone = "+00:00" if found["zone"] in "Zz" else found["zone"]
    fraction = (found["fraction"] or "")[:7].ljust(7, "0") if found["fraction"] else ""
    try:
        return check_time(datetime.fromisoformat(f"{found['day']}T{found['clock']}{fraction}{zone}"))
    except ValueError as error:
        raise ValueError(f"is no time that is taken: {error}") from error


def decode_header(value: str) -> str:
    """Decode the value of a `ce-` header: double quotes, then one round of percent-decoding.

    The rule is section 3.1.3.2 of the CloudEvents HTTP binding; text that a producer should have encoded and
    did not, as several SDKs do, is taken as it is.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence.
    """
    if _QUOTED.fullmatch(value):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"is not percent-encoded UTF-8: {error.reason}") from error


def text_of_header(value: str) -> str:
    """Return the text of a header that WSGI gave as Latin-1: UTF-8 where its bytes are that."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def encode_header(value: str) -> str:
    """Encode a value for a `ce-` header; half of a surrogate pair, which JSON can spell, passes."""
    return quote(value, safe=_UNQUOTED, errors="surrogatepass")
