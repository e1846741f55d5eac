"""Brokers and Triggers as values, parsed from their Kubernetes-shaped manifests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urljoin

from knative.local.broker.durations import parse_duration
from knative.local.broker.errors import InvalidSpec
from knative.local.broker.filters import Filter, parse_filters
from knative.local.broker.filters.all_of import AllFilter
from knative.local.resources.kinds import BROKER, TRIGGER, Kind

BackoffPolicy = Literal["linear", "exponential"]
Format = Literal["binary", "json"]


@dataclass(frozen=True)
class Delivery:
    """How an event is delivered: `retry` further attempts, waits in seconds, what happens in the end."""

    retry: int = 0
    backoff_policy: BackoffPolicy = "exponential"
    backoff_delay_s: float = 0.0
    timeout_s: float | None = None
    retry_after_max_s: float | None = None
    format: Format = "binary"
    dead_letter_uri: str | None = None


DEFAULT_DELIVERY = Delivery(retry=10, backoff_policy="exponential", backoff_delay_s=0.2)
"""What Knative's webhook gives to a Broker without `delivery` (config-br-defaults)."""


@dataclass(frozen=True)
class BrokerSpec:
    """A Broker: where events are posted, and the delivery its triggers inherit."""

    namespace: str
    name: str
    delivery: Delivery = DEFAULT_DELIVERY


@dataclass(frozen=True)
class TriggerSpec:
    """A Trigger: which events of a broker go to which subscriber. `delivery` None inherits the broker's."""

    namespace: str
    name: str
    broker: str
    subscriber_uri: str
    filter: Filter = field(default_factory=lambda: AllFilter(()))
    delivery: Delivery | None = None


_ADDRESSES: Mapping[str, str] = {
    "Service": "http://{name}.{namespace}.svc.cluster.local/",
    "Broker": "http://broker-ingress.knative-eventing.svc.cluster.local/{namespace}/{name}",
    "JobSink": "http://job-sink.knative-eventing.svc.cluster.local/{namespace}/{name}",
}


def effective_delivery(broker: BrokerSpec, trigger: TriggerSpec) -> Delivery:
    """Return the trigger's delivery, or the broker's; the dead letter sink alone is inherited besides."""
    if trigger.delivery is None:
        return broker.delivery
    if trigger.delivery.dead_letter_uri is None:
        return replace(trigger.delivery, dead_letter_uri=broker.delivery.dead_letter_uri)
    return trigger.delivery


UrlOf = Callable[[Mapping[str, Any], str], str]
"""Returns the URL of a Destination in an object of this namespace."""


def url_in_cluster(destination: Mapping[str, Any], namespace: str) -> str:
    """Return the URL of a Destination: `uri`, the cluster-local address of `ref`, or both joined."""
    ref, uri = destination.get("ref"), str(destination.get("uri") or "")
    if not ref:
        return uri
    address = _ADDRESSES[ref["kind"]].format(name=ref["name"], namespace=ref.get("namespace") or namespace)
    return urljoin(address, uri)


def parse_broker(manifest: Mapping[str, Any], url_of: UrlOf = url_in_cluster) -> BrokerSpec:
    """Read an `eventing.knative.dev/v1` Broker. A sink whose URL is empty is none.

    Raises:
        InvalidSpec: lists every malformed or unsupported field.
    """
    _check(BROKER, manifest)
    namespace, name = _identity(manifest)
    delivery = _delivery((manifest.get("spec") or {}).get("delivery"), namespace, url_of)
    return BrokerSpec(namespace, name, delivery or DEFAULT_DELIVERY)


def parse_trigger(manifest: Mapping[str, Any], url_of: UrlOf = url_in_cluster) -> TriggerSpec:
    """Read an `eventing.knative.dev/v1` Trigger. A sink whose URL is empty is none.

    Raises:
        InvalidSpec: lists every malformed or unsupported field.
    """
    _check(TRIGGER, manifest)
    namespace, name = _identity(manifest)
    spec = manifest["spec"]
    subscriber = url_of(spec["subscriber"], namespace)
    delivery = _delivery(spec.get("delivery"), namespace, url_of)
    return TriggerSpec(
        namespace, name, spec.get("broker") or "default", subscriber, parse_filters(spec), delivery
    )


def _check(kind: Kind, manifest: Mapping[str, Any]) -> None:
    # What only a webhook of Knative refuses, the broker itself honours.
    problems = [problem for problem in kind.rule.check(manifest, "") if not problem.by_webhook]
    if problems:
        raise InvalidSpec(*problems)


def _identity(manifest: Mapping[str, Any]) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("namespace") or "default", metadata["name"]


def _delivery(raw: Mapping[str, Any] | None, namespace: str, url_of: UrlOf) -> Delivery | None:
    if raw is None:
        return None
    sink = raw.get("deadLetterSink")
    return Delivery(
        retry=raw.get("retry") or 0,
        backoff_policy=raw.get("backoffPolicy") or "exponential",
        backoff_delay_s=_seconds(raw.get("backoffDelay")) or 0.0,
        timeout_s=_seconds(raw.get("timeout")),
        retry_after_max_s=_seconds(raw.get("retryAfterMax")),
        format=raw.get("format") or "binary",
        dead_letter_uri=(url_of(sink, namespace) or None) if sink else None,
    )


def _seconds(duration: str | None) -> float | None:
    return None if duration is None else parse_duration(duration)
