"""Where a request goes, by its host and path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from knative.local.addresses import BROKER_HOST, JOB_SINK_HOST

_OUTSIDE = ".localhost"
_INSIDE = (".svc.cluster.local", ".svc")
_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]", ""})


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is for; `path` is what its receiver sees, query included.

    A broker or JobSink without a name is a path that names none. `from_outside` tells that the request came
    by a name for outsiders, under which what is cluster-local is not there.
    """

    kind: Literal["service", "broker", "jobsink", "index", "nowhere"]
    namespace: str = ""
    name: str = ""
    path: str = "/"
    from_outside: bool = False


_NOWHERE = Target("nowhere")


@lru_cache(maxsize=4096)
def target_of(host: str, request_target: str) -> Target:
    """Return the target of a request that arrives at the gateway.

    Names inside the cluster are not among them: as on a cluster, nobody outside can use them, or what is
    cluster-local would be open to everyone who sends a Host header.

    Args:
        host: the Host header, a port allowed.
        request_target: the request target: path and query.
    """
    name = _bare(host)
    if name in _MACHINE:
        return _on_machine(request_target)
    if name.endswith(_OUTSIDE):
        return replace(_by_host(name.removesuffix(_OUTSIDE), request_target), from_outside=True)
    return _NOWHERE


@lru_cache(maxsize=4096)
def target_inside(host: str, request_target: str) -> Target | None:
    """Return the target that a name inside the cluster stands for, None when it is no such name."""
    name = _bare(host)
    for suffix in _INSIDE:
        if name.endswith(suffix):
            return _by_host(name.removesuffix(suffix), request_target)
    return None


def addressed(request: web.BaseRequest) -> tuple[str, str]:
    """Return host, and path with query, of a request; a whole URL goes before the Host (RFC 9112, 3.2.2)."""
    host, path = request.headers.get("Host", ""), request.raw_path
    if path.startswith("/"):
        return host, path
    parts = urlsplit(path)
    if parts.scheme.lower() != "http" or not parts.netloc:
        return host, path
    return parts.netloc, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def is_ours(host: str) -> bool:
    """Tell whether a Host is an address of this machine, or a name for what is served on it."""
    name = _bare(host)
    return name in _MACHINE or name.endswith(_OUTSIDE)


def name_inside(host: str) -> str | None:
    """Return the name inside the cluster of what outsiders reach at `host`, None when it is another name."""
    name = _bare(host)
    parts = name.removesuffix(_OUTSIDE).split(".")
    if name.endswith(_OUTSIDE) and len(parts) == 2 and all(parts):
        return f"{'.'.join(parts)}{_INSIDE[0]}"
    return None


def _bare(host: str) -> str:
    name = host.lower().rpartition(":")[0] if ":" in host and not host.endswith("]") else host.lower()
    return name.rstrip(".")


def _by_host(name: str, request_target: str) -> Target:
    if name == BROKER_HOST:
        return _two_segments("broker", request_target)
    if name == JOB_SINK_HOST:
        return _two_segments("jobsink", request_target)
    service, _, namespace = name.partition(".")
    if not service or not namespace or "." in namespace:
        return _NOWHERE
    return Target("service", namespace, service, request_target)


def _on_machine(request_target: str) -> Target:
    path = request_target.partition("?")[0]
    if path in ("/", ""):
        return Target("index")
    if not path.startswith("/-/"):
        return _two_segments("broker", request_target)
    _, _, what, *rest = request_target.split("/", 5)
    if what == "jobsinks":
        return _two_segments("jobsink", "/" + "/".join(rest))
    if what != "services" or len(rest) < 2:
        return _NOWHERE
    name, question, query = rest[1].partition("?")
    below = "/" + rest[2] if len(rest) > 2 else f"/{question}{query}"
    return Target("service", rest[0], name, below)


def _two_segments(kind: Literal["broker", "jobsink"], request_target: str) -> Target:
    parts = request_target.removeprefix("/").removesuffix("/").split("/")
    if len(parts) == 2 and all(parts):
        return Target(kind, parts[0], parts[1])
    return Target(kind, path=request_target)
