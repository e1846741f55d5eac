"""Where things are reached on this machine.

By host, as Knative does: `http://<service>.<namespace>.localhost:<port>`, for browsers, curl and whoever
else knows that `*.localhost` is this machine. By path, for everyone:
`http://127.0.0.1:<port>/-/services/<namespace>/<service>`. Brokers: `http://127.0.0.1:<port>/<namespace>/<broker>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

BROKER_HOST = "broker-ingress.knative-eventing"
JOB_SINK_HOST = "job-sink.knative-eventing"
SERVICE_PATH = "/-/services"
JOB_SINK_PATH = "/-/jobsinks"
LOCAL = "localhost"


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
