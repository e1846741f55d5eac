"""Brokers and Triggers as values, parsed from their Kubernetes-shaped manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args
from urllib.parse import urljoin, urlsplit

from knative.local.broker.durations import parse_duration
from knative.local.broker.errors import InvalidSpec, Problem
from knative.local.broker.filters import Filter, parse_filters
from knative.local.broker.filters.all_of import AllFilter

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


def parse_broker(manifest: Mapping[str, Any]) -> BrokerSpec:
    """Read an `eventing.knative.dev/v1` Broker.

    Raises:
        InvalidSpec: lists every malformed or unsupported field.
    """
    problems: list[Problem] = []
    namespace, name = _identity(manifest, problems)
    spec = _object(manifest.get("spec"), "spec", problems)
    # `config` names the channel or the Kafka settings of a cluster's broker class: nothing to honour here.
    _refuse_unknown(spec, "spec", ("config", "delivery"), problems)
    delivery = _parse_delivery(spec.get("delivery"), "spec.delivery", namespace, problems)
    if problems:
        raise InvalidSpec(*problems)
    return BrokerSpec(namespace, name, delivery or DEFAULT_DELIVERY)


def parse_trigger(manifest: Mapping[str, Any]) -> TriggerSpec:
    """Read an `eventing.knative.dev/v1` Trigger.

    Raises:
        InvalidSpec: lists every malformed or unsupported field.
    """
    problems: list[Problem] = []
    namespace, name = _identity(manifest, problems)
    spec = _object(manifest.get("spec"), "spec", problems)
    _refuse_unknown(spec, "spec", ("broker", "delivery", "filter", "filters", "subscriber"), problems)
    broker = spec.get("broker", "default")
    if not isinstance(broker, str) or not broker:
        problems.append(Problem("spec.broker", "must name a Broker of the same namespace"))
    subscriber = _parse_destination(spec.get("subscriber"), "spec.subscriber", namespace, problems)
    delivery = _parse_delivery(spec.get("delivery"), "spec.delivery", namespace, problems)
    compiled: Filter = AllFilter(())
    try:
        compiled = parse_filters(spec)
    except InvalidSpec as error:
        problems.extend(error.problems)
    if problems:
        raise InvalidSpec(*problems)
    return TriggerSpec(namespace, name, broker, subscriber, compiled, delivery)


def _identity(manifest: Mapping[str, Any], problems: list[Problem]) -> tuple[str, str]:
    metadata = _object(manifest.get("metadata"), "metadata", problems)
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        problems.append(Problem("metadata.name", "is required"))
    return str(metadata.get("namespace") or "default"), str(name)


def _object(raw: Any, where: str, problems: list[Problem]) -> Mapping[str, Any]:
    if raw is None:
        return {}
    if isinstance(raw, Mapping):
        return raw
    problems.append(Problem(where, "must be an object"))
    return {}


def _refuse_unknown(
    raw: Mapping[str, Any], where: str, known: tuple[str, ...], problems: list[Problem]
) -> None:
    problems.extend(
        Problem(f"{where}.{key}", f"is not supported; known are {', '.join(known)}")
        for key in raw
        if key not in known
    )


def _parse_destination(raw: Any, where: str, namespace: str, problems: list[Problem]) -> str:
    """Return the URL of a Destination: `uri`, the cluster-local address of `ref`, or both joined."""
    if not isinstance(raw, Mapping) or not (raw.get("ref") or raw.get("uri")):
        problems.append(Problem(where, "must have a `ref` or a `uri`"))
        return ""
    _refuse_unknown(raw, where, ("ref", "uri"), problems)
    uri = str(raw.get("uri") or "")
    if not raw.get("ref"):
        if urlsplit(uri).scheme not in ("http", "https") or not urlsplit(uri).hostname:
            problems.append(
                Problem(f"{where}.uri", f"{uri!r} must be an absolute http URL when there is no `ref`")
            )
        return uri
    ref = _object(raw["ref"], f"{where}.ref", problems)
    _refuse_unknown(ref, f"{where}.ref", ("apiVersion", "kind", "name", "namespace"), problems)
    for key in ("kind", "name"):
        if not isinstance(ref.get(key), str) or not ref[key]:
            problems.append(Problem(f"{where}.ref.{key}", "is required"))
            return ""
    address = _ADDRESSES.get(ref["kind"])
    if address is None:
        problems.append(Problem(f"{where}.ref", f"{ref['kind']} {ref['name']!r} has no address"))
        return ""
    return urljoin(address.format(name=ref["name"], namespace=ref.get("namespace") or namespace), uri)


def _parse_delivery(raw: Any, where: str, namespace: str, problems: list[Problem]) -> Delivery | None:
    if raw is None:
        return None
    spec = _object(raw, where, problems)
    _refuse_unknown(spec, where, _DELIVERY_FIELDS, problems)
    retry = spec.get("retry", 0)
    if isinstance(retry, bool) or not isinstance(retry, int) or retry < 0:
        problems.append(Problem(f"{where}.retry", f"{retry!r} must be an integer, zero or more"))
        retry = 0
    sink = spec.get("deadLetterSink")
    timeout_s = _duration(spec, where, "timeout", problems)
    if timeout_s == 0:
        problems.append(Problem(f"{where}.timeout", "must not be zero"))
    return Delivery(
        retry=retry,
        backoff_policy=cast(BackoffPolicy, _choice(spec, where, "backoffPolicy", BackoffPolicy, problems)),
        backoff_delay_s=_duration(spec, where, "backoffDelay", problems) or 0.0,
        timeout_s=timeout_s,
        retry_after_max_s=_duration(spec, where, "retryAfterMax", problems),
        format=cast(Format, _choice(spec, where, "format", Format, problems)),
        dead_letter_uri=None
        if sink is None
        else _parse_destination(sink, f"{where}.deadLetterSink", namespace, problems),
    )


_DELIVERY_FIELDS = (
    "retry",
    "backoffPolicy",
    "backoffDelay",
    "timeout",
    "retryAfterMax",
    "format",
    "deadLetterSink",
)
_DEFAULTS = {"backoffPolicy": "exponential", "format": "binary"}


def _duration(spec: Mapping[str, Any], where: str, key: str, problems: list[Problem]) -> float | None:
    raw = spec.get(key)
    if raw is None:
        return None
    try:
        return parse_duration(str(raw))
    except ValueError as error:
        problems.append(Problem(f"{where}.{key}", str(error)))
        return None


def _choice(spec: Mapping[str, Any], where: str, key: str, allowed: Any, problems: list[Problem]) -> str:
    raw = spec.get(key, _DEFAULTS[key])
    if raw not in get_args(allowed):
        problems.append(Problem(f"{where}.{key}", f"{raw!r} must be one of {', '.join(get_args(allowed))}"))
    return str(raw)
