"""Addresses in a form that every client resolves."""

from __future__ import annotations

import re

_BY_HOST = re.compile(r"http://([a-z0-9-]+)\.([a-z0-9-]+)\.localhost:([0-9]+)")


def every_address(url: str) -> list[str]:
    """Return a Service's address; of one at `*.localhost` also the one that needs no name to be resolved.

    curl and browsers know that `*.localhost` is this machine; others ask the resolver, which may not.
    """
    found = _BY_HOST.fullmatch(url)
    return [url, f"http://127.0.0.1:{found[3]}/-/services/{found[2]}/{found[1]}"] if found else [url]
