"""Who a request comes from, as far as its headers tell: a browser says of which page, and under which name.

A page from elsewhere can make a browser send requests to this machine. It cannot keep the browser from saying
so: by Origin, by Sec-Fetch-Site, or, when it had a name of its own lead here, by Host.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ELSEWHERE = frozenset({"cross-site", "same-site"})


def is_loopback(host: str) -> bool:
    """Tell whether a Host is this machine's loopback name or address."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False


def is_of(origin: str | None, host: str) -> bool:
    """Tell whether a request came from a page of `host` itself, or from no page at all."""
    return origin is None or origin.lower() == f"http://{host.lower()}"


def is_from_elsewhere(headers: Mapping[str, str], host: str) -> bool:
    """Tell whether a request came from a web page of another address; a link that was followed does not."""
    if not is_of(headers.get("Origin"), host):
        return True
    elsewhere = headers.get("Sec-Fetch-Site", "") in _ELSEWHERE
    return elsewhere and headers.get("Sec-Fetch-Mode", "") != "navigate"
