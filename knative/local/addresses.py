"""Where things are reached on this machine.

From outside by host, as Knative does: `http://<service>.<namespace>.localhost:<port>`, for browsers, curl and
other clients that resolve `*.localhost` to this machine. From inside, by broker and sources, as on a cluster:
`http://<service>.<namespace>.svc.cluster.local`. By path, for everyone, processes above all, which could not
resolve the latter: `http://127.0.0.1:<port>/-/services/<namespace>/<service>`, and Brokers at
`http://127.0.0.1:<port>/<namespace>/<broker>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

BROKER_HOST = "broker-ingress.knative-eventing"
JOB_SINK_HOST = "job-sink.knative-eventing"
SERVICE_PATH = "/-/services"
JOB_SINK_PATH = "/-/jobsinks"
LOCAL = "localhost"
INSIDE = "svc.cluster.local"


@dataclass(frozen=True)
class Addresses:
    """The addresses behind one gateway port."""

    port: int

    @property
    def base(self) -> str:
        """The gateway itself."""
        return f"http://127.0.0.1:{self.port}"

    def service(self, namespace: str, name: str, tag: str = "") -> str:
        """Return the URL of a Service, or of one of its tags, by host."""
        host = f"{tag}-{name}" if tag else name
        return f"http://{host}.{namespace}.{LOCAL}:{self.port}"

    def url(self, namespace: str, name: str, tag: str = "", *, private: bool = False) -> str:
        """Return the URL in a Service's status, of itself or a tag; a private one has a name inside only."""
        if private:
            return f"http://{f'{tag}-{name}' if tag else name}.{namespace}.{INSIDE}"
        return self.service(namespace, name, tag)

    def reachable(self, uri: str) -> str:
        """Return what a process of this machine can resolve: a name inside the cluster becomes a path."""
        parts = urlsplit(uri)
        host = (parts.hostname or "").rstrip(".")
        suffix = next((s for s in (f".{INSIDE}", ".svc") if host.endswith(s)), None)
        if suffix is None:
            return uri
        name = host.removesuffix(suffix)
        below = parts.path + (f"?{parts.query}" if parts.query else "")
        if name == BROKER_HOST:
            return f"{self.base}{below}"
        if name == JOB_SINK_HOST:
            return f"{self.base}{JOB_SINK_PATH}{below}"
        service, _, namespace = name.partition(".")
        return f"{self.service_by_path(namespace, service)}{below}"

    def service_by_path(self, namespace: str, name: str, tag: str = "") -> str:
        """Return the URL of a Service, or of one of its tags, that needs no name to be resolved."""
        return f"{self.base}{SERVICE_PATH}/{namespace}/{f'{tag}-{name}' if tag else name}"

    def broker(self, namespace: str, name: str) -> str:
        """Return the URL of a Broker's ingress."""
        return f"{self.base}/{namespace}/{name}"

    def job_sink(self, namespace: str, name: str) -> str:
        """Return the URL of a JobSink."""
        return f"{self.base}{JOB_SINK_PATH}/{namespace}/{name}"

    def of(self, kind: str, namespace: str, name: str) -> str:
        """Return the URL of an addressable object, the one that needs no name to be resolved.

        Raises:
            LookupError: objects of this kind have no address.
        """
        match kind:
            case "Service":
                return self.service_by_path(namespace, name)
            case "Broker":
                return self.broker(namespace, name)
            case "JobSink":
                return self.job_sink(namespace, name)
        raise LookupError(kind)

    def destination(self, destination: Mapping[str, Any], namespace: str) -> str:
        """Return the URL of a Destination: `uri`, or `ref`, or `ref` with a relative `uri` below it.

        Raises:
            LookupError: the object referred to has no address.
        """
        ref, uri = destination.get("ref"), str(destination.get("uri") or "")
        if not ref:
            return uri
        base = self.of(ref["kind"], ref.get("namespace") or namespace, ref["name"])
        if not uri:
            return base
        # Below the object's own root: `/dead-letters` and `dead-letters` mean the same, as they do where the
        # object has a host of its own.
        return urljoin(f"{base}/", uri.lstrip("/"))
