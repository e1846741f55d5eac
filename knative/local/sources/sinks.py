"""From a Destination to the URL it stands for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knative.local.addresses import Addresses
from knative.local.resources.kinds import BROKER, JOB_SINK, SERVICE, Json
from knative.local.resources.objects import Key, address_of, condition
from knative.local.resources.store import Store

_ADDRESSABLE = {"Service": SERVICE, "Broker": BROKER, "JobSink": JOB_SINK}


def resolve(
    destination: Mapping[str, Any], namespace: str, store: Store, addresses: Addresses
) -> tuple[str, str]:
    """Return (URL, "") or ("", why there is none): the object does not exist, or has no address yet."""
    ref = destination.get("ref")
    if ref:
        kind = _ADDRESSABLE.get(ref["kind"])
        if kind is None:
            return "", f"a {ref['kind']} has no address locally"
        place = ref.get("namespace") or namespace
        body = store.find(Key(kind, place, ref["name"]))
        if body is None:
            return "", f'{kind.resource} "{ref["name"]}" not found in namespace {place}'
        if not address_of(body):
            why = "none of its revisions is ready" if kind is SERVICE else "it is not ready"
            return "", f'{kind.resource} "{ref["name"]}" has no address yet: {why}'
    return addresses.destination(destination, namespace), ""


def sink_status(body: Json, uri: str, problem: str) -> Json:
    """Return the status of a source or a SinkBinding whose sink is at `uri`, or has none for this reason."""
    provided = condition("SinkProvided", not problem, "NotFound" if problem else "", problem)
    status: Json = {
        "conditions": [provided, {**provided, "type": "Ready"}],
        "observedGeneration": body["metadata"]["generation"],
    }
    return {**status, "sinkUri": uri} if uri else status
