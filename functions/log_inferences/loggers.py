"""Whose logger an event is from, and which prediction of which model it is half of.

- KServe's request and response have one id, and a source that is the same for every pod of every service.
- Seldon Core v1's have ids of their own and the extension `requestid` in common. There is a pair for each
  node of a graph that has a logger.

Both name the service, and an endpoint: KServe by a label of the pod, Seldon by the predictor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import Event

REQUESTS = (kinds.KSERVE_REQUEST, kinds.SELDON_REQUEST)
_SERVICE, _REQUEST = "inferenceservicename", "requestid"
_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Half:
    """A request or a response.

    Attributes:
        event: under the id and the source that the other half has as well.
        service: the model.
        version: the one that the endpoint names, if it does.
    """

    event: Event
    is_request: bool
    service: str
    version: int | None

    @property
    def name(self) -> str:
        """What it is called where halves are kept."""
        return "request" if self.is_request else "response"

    @property
    def is_empty(self) -> bool:
        """It is a request without a body, as of a health check: KServe logs those too."""
        return self.is_request and self.event.data in (None, "", b"")


def half_of(event: Event) -> Half:
    """Read an event of a logger.

    Raises:
        Rejected: it does not say which model, or which request, it is about.
    """
    extensions = event.extensions
    service, endpoint = extensions.get(_SERVICE, ""), extensions.get("endpoint", "")
    if not service:
        raise Rejected(
            f"an event of type {event.type} needs the extension {_SERVICE}: the model that was asked"
        )
    request_id = event.id
    if event.type in (kinds.SELDON_REQUEST, kinds.SELDON_RESPONSE):
        request_id = extensions.get(_REQUEST, "")
        if not request_id:
            raise Rejected(f"an event of type {event.type} needs the extension {_REQUEST}")
    place = "/".join((extensions.get("namespace", ""), service, endpoint, extensions.get("modelid", "")))
    shared = replace(event, id=request_id, source=f"{event.source}#{place}")
    return Half(shared, event.type in REQUESTS, service, version_in(endpoint))


def version_in(text: object) -> int | None:
    """Return the version that a label such as `v7` names."""
    found = _VERSION.fullmatch(str(text or ""))
    return int(found[1]) if found else None
