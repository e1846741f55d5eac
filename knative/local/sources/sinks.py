"""From a Destination to the URL it stands for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knative.local.addresses import Addresses
from knative.local.resources.kinds import BROKER, JOB_SINK, SERVICE
from knative.local.resources.objects import Key
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
        if not ((body.get("status") or {}).get("address") or {}).get("url"):
            why = "none of its revisions is ready" if kind is SERVICE else "it is not ready"
            return "", f'{kind.resource} "{ref["name"]}" has no address yet: {why}'
    return addresses.destination(destination, namespace), ""
