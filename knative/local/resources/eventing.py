"""The fields of Brokers, Triggers, sources and sinks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from knative.local.broker.durations import parse_duration
from knative.local.broker.errors import InvalidSpec
from knative.local.broker.filters import parse_filters
from knative.local.resources.batch import JOB_SPEC, JOB_TEMPLATE_METADATA
from knative.local.resources.cron import cron_problem
from knative.local.resources.fields import (
    TEXT,
    Accepted,
    Fields,
    Items,
    Mapped,
    Problem,
    Rule,
    Scalar,
    Unsupported,
    denied,
    one_of,
    whole,
)
from knative.local.resources.pods import LABEL_SELECTOR

_NO_TLS = Unsupported("everything is plain HTTP on the loopback address")
_REF = Fields(
    {"apiVersion": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "group": TEXT, "address": TEXT},
    required=("kind", "name"),
)


def _addressable(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    ref, uri = value.get("ref"), value.get("uri")
    if not ref and not uri:
        yield Problem(path, "needs ref or uri")
    if not ref and uri and "://" not in uri:
        yield Problem(f"{path}.uri", "must be absolute when there is no ref")
    if ref and uri and "://" in uri:
        yield Problem(f"{path}.uri", "must be relative when there is a ref")


_DESTINATION: dict[str, Rule] = {
    "ref": _REF,
    "uri": TEXT,
    "CACerts": _NO_TLS,
    "audience": Accepted("events carry no token on one machine"),
}
DESTINATION = Fields(_DESTINATION, checks=(_addressable,))


def _posted_to(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield why a broker cannot post events to a Destination."""
    ref, uri = value.get("ref"), urlsplit(value.get("uri") or "")
    if ref and ref["kind"] not in ADDRESSABLE:
        yield Problem(f"{path}.ref", f"{ref['kind']} {ref['name']!r} has no address")
    if uri.scheme and (uri.scheme not in ("http", "https") or not uri.hostname):
        yield Problem(f"{path}.uri", f"{value['uri']!r} must be an http URL")


ADDRESSABLE = ("Service", "Broker", "JobSink")
_SUBSCRIBER = Fields(_DESTINATION, checks=(_addressable, _posted_to))


def _duration_problem(text: str) -> str | None:
    try:
        parse_duration(text)
    except ValueError as error:
        return str(error)
    return None


def _timeout_problem(text: str) -> str | None:
    return _duration_problem(text) or (None if parse_duration(text) else "must not be zero")


_DURATION = Scalar((str,), "a duration such as PT0.2S", _duration_problem)
_DELIVERY = Fields(
    {
        "retry": whole(0),
        "backoffPolicy": one_of("linear", "exponential"),
        "backoffDelay": _DURATION,
        "timeout": Scalar((str,), "a duration such as PT0.2S", _timeout_problem),
        "retryAfterMax": _DURATION,
        "format": one_of("binary", "json"),
        "deadLetterSink": _SUBSCRIBER,
    }
)


@dataclass(frozen=True)
class _Filters(Rule):
    """`filter` or `filters` of a Trigger, as the broker compiles them."""

    field: str

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        try:
            parse_filters({self.field: value})
        except InvalidSpec as error:
            yield from error.problems


def _missing(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem when the ref of a Destination without `uri` does not say of which API it is."""
    ref = value.get("ref")
    if ref and not value.get("uri") and not ref.get("apiVersion"):
        yield denied(f"{path}.ref.apiVersion", "missing field(s)")


def _delivery_refused(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    delivery = spec.get("delivery") or {}
    if delivery.get("deadLetterSink"):
        yield from _missing(delivery["deadLetterSink"], f"{path}.delivery.deadLetterSink")
    if delivery.get("retryAfterMax"):
        # The feature delivery-retryafter is off unless an operator turns it on in config-features.
        yield denied(f"{path}.delivery.retryAfterMax", "must not set the field(s)")


def _trigger_refused(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not spec.get("broker"):
        yield denied(f"{path}.broker", "missing field(s)")
    yield from _missing(spec["subscriber"], f"{path}.subscriber")
    yield from _delivery_refused(spec, path)


BROKER_SPEC = Fields(
    {
        "config": Accepted("there is one broker, with nothing of a cluster's to configure"),
        "delivery": _DELIVERY,
    },
    checks=(_delivery_refused,),
)
TRIGGER_SPEC = Fields(
    {
        "broker": Scalar(
            (str,), "a string", lambda v: None if v else "must name a Broker of the same namespace"
        ),
        "delivery": _DELIVERY,
        "filter": _Filters("filter"),
        "filters": _Filters("filters"),
        "subscriber": _SUBSCRIBER,
    },
    required=("subscriber",),
    checks=(_trigger_refused,),
)


def _attribute_name(key: str, _: Any) -> str | None:
    good = key.isascii() and key.isalnum() and key.islower() and key[0].isalpha()
    return None if good else "attribute names are lower case letters and digits, starting with a letter"


_OVERRIDES = Fields({"extensions": Mapped(TEXT, _attribute_name)})


def check_ping(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what is wrong with a PingSource's schedule, zone, data and sink."""
    schedule = spec.get("schedule")
    if schedule and (complaint := cron_problem(schedule)):
        yield denied(f"{path}.schedule", f"invalid value: {complaint}")
    zone = spec.get("timezone")
    if zone and (complaint := _zone_problem(zone)):
        yield denied(f"{path}.timezone", f"invalid value: {complaint}")
    yield from _payload(spec, path)
    yield from _missing(spec["sink"], f"{path}.sink")


def _zone_problem(name: str) -> str | None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"provided bad location {name}: it is no time zone, such as Europe/Berlin"
    return None


def _payload(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if spec.get("data") and spec.get("dataBase64"):
        yield denied(f"{path}.data, {path}.dataBase64", "expected exactly one, got both")
        return
    field = "data" if spec.get("data") else "dataBase64"
    text = spec.get(field)
    if not text:
        return
    try:
        data = base64.b64decode(text, validate=True) if field == "dataBase64" else text
        if spec.get("contentType") == "application/json" and not isinstance(json.loads(data), dict | None):
            yield denied(f"{path}.{field}", "invalid value: json: cannot unmarshal anything but an object")
    except (ValueError, RecursionError) as error:  # what is no base64, no JSON, or nested too deep
        yield denied(f"{path}.{field}", f"invalid value: {error}")


PING_SPEC = Fields(
    {
        "schedule": TEXT,
        "timezone": TEXT,
        "contentType": TEXT,
        "data": TEXT,
        "dataBase64": TEXT,
        "ceOverrides": _OVERRIDES,
        "sink": DESTINATION,
    },
    required=("sink",),
    checks=(check_ping,),
)


_WATCHED = Fields(
    {"apiVersion": TEXT, "kind": TEXT, "selector": LABEL_SELECTOR}, required=("apiVersion", "kind")
)
_OF_THE_BROKER = "write the filters into a Trigger"
API_SERVER_SPEC = Fields(
    {
        "resources": Items(_WATCHED, 1),
        "mode": one_of("Reference", "Resource"),
        "serviceAccountName": Accepted("the API on one machine has one token, for everything"),
        "owner": Unsupported("objects are told by their labels"),
        "namespaceSelector": Unsupported("a source watches its own namespace"),
        "filters": Unsupported(_OF_THE_BROKER),
        "ceOverrides": _OVERRIDES,
        "sink": DESTINATION,
    },
    required=("resources", "sink"),
)


def _named_or_selected(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if bool(value.get("name")) == bool(value.get("selector")):
        yield Problem(path, "needs exactly one of name and selector")
    if value["kind"] not in ("Service", "Job"):
        yield Problem(f"{path}.kind", "only Knative Services and Jobs can be bound locally")


_SUBJECT = Fields(
    {"apiVersion": TEXT, "kind": TEXT, "namespace": TEXT, "name": TEXT, "selector": LABEL_SELECTOR},
    required=("apiVersion", "kind"),
    checks=(_named_or_selected,),
)


def _binding_refused(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    yield from _missing(spec["sink"], f"{path}.sink")


BINDING_SPEC = Fields(
    {"subject": _SUBJECT, "sink": DESTINATION, "ceOverrides": _OVERRIDES},
    required=("subject", "sink"),
    checks=(_binding_refused,),
)


def check_subject_namespace(body: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem when a SinkBinding is to bind objects of another namespace."""
    elsewhere = body["spec"]["subject"].get("namespace")
    if elsewhere and elsewhere != (body["metadata"].get("namespace") or elsewhere):
        yield denied("spec.subject.namespace", f"invalid value: {elsewhere}")


_JOB: dict[str, Rule] = {
    "status": Accepted("set by the runtime, ignored when given"),
    "apiVersion": TEXT,
    "kind": TEXT,
    "metadata": JOB_TEMPLATE_METADATA,
    "spec": JOB_SPEC,
}
JOB_SINK_SPEC = Fields({"job": Fields(_JOB, required=("spec",))}, required=("job",))
