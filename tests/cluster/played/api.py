"""The few requests that a kubelet makes, as plain JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3

Json = dict[str, Any]
MERGE = "application/merge-patch+json"


class Missing(Exception):
    """There is no such object."""


class Refused(Exception):
    """The API server did not take a request; the message says why."""


class Api:
    """Speaks to the API server with the keys in a folder, as who `NAME.crt` says."""

    def __init__(self, address: str, keys: Path, name: str) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(
            maxsize=64,
            ca_certs=str(keys / "ca.crt"),
            cert_file=str(keys / f"{name}.crt"),
            key_file=str(keys / f"{name}.key"),
            retries=urllib3.Retry(3, backoff_factor=0.2, allowed_methods=None),
        )

    def get(self, path: str) -> Json:
        """Return an object or a list."""
        return self._ask("GET", path)

    def post(self, path: str, body: Json) -> Json:
        """Create an object."""
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Json) -> Json:
        """Merge into an object."""
        return self._ask("PATCH", path, body, {"Content-Type": MERGE})

    def delete(self, path: str, body: Json) -> None:
        """Delete an object, if it is there."""
        try:
            self._ask("DELETE", path, body)
        except Missing:
            return

    def watch(self, path: str, ended: threading.Event) -> Iterator[tuple[str, Json]]:
        """Yield what there is, as ADDED, and then each change, whatever becomes of the connection."""
        while not ended.is_set():
            listed = self.get(path)
            kind = listed["kind"].removesuffix("List")
            for each in listed["items"]:
                yield "ADDED", {"kind": kind, **each}
            since = listed["metadata"]["resourceVersion"]
            try:
                yield from self._changes(f"{path}?watch=1&resourceVersion={since}&timeoutSeconds=600")
            except urllib3.exceptions.HTTPError:
                continue

    def _changes(self, path: str) -> Iterator[tuple[str, Json]]:
        timeout = urllib3.Timeout(connect=10, read=660)
        stream = self._pool.request("GET", self._address + path, preload_content=False, timeout=timeout)
        rest = b""
        try:
            for chunk in stream.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    change = json.loads(line)
                    if change["type"] == "ERROR":
                        return
                    yield change["type"], change["object"]
        finally:
            stream.release_conn()

    def _ask(self, method: str, path: str, body: Json | None = None, headers: Json | None = None) -> Json:
        said = self._pool.request(
            method,
            self._address + path,
            body=json.dumps(body) if body is not None else None,
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=30,
        )
        if said.status == 404:
            raise Missing(path)
        if said.status >= 300:
            raise Refused(f"{method} {path}: {said.status} {said.data[:500].decode(errors='replace')}")
        return dict(json.loads(said.data))
