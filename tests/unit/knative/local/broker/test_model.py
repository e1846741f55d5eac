from __future__ import annotations

from typing import Any

import pytest

from knative.local.broker.errors import InvalidSpec
from knative.local.broker.model import (
    DEFAULT_DELIVERY,
    BrokerSpec,
    Delivery,
    TriggerSpec,
    effective_delivery,
    parse_broker,
    parse_trigger,
)

METADATA = {"name": "t", "namespace": "kascade"}
SUBSCRIBER = {"uri": "http://localhost:1/"}


def trigger(**spec: Any) -> TriggerSpec:
    return parse_trigger({"metadata": METADATA, "spec": {"broker": "b", "subscriber": SUBSCRIBER, **spec}})


def test_a_trigger_is_read_with_all_of_its_delivery() -> None:
    sink = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "sink"}, "uri": "/dead-letters"}
    delivery = {
        "retry": 5,
        "backoffPolicy": "linear",
        "backoffDelay": "PT0.2S",
        "timeout": "PT10S",
        "retryAfterMax": "PT1M",
        "format": "json",
        "deadLetterSink": sink,
    }

    parsed = trigger(delivery=delivery)

    uri = "http://sink.kascade.svc.cluster.local/dead-letters"
    assert parsed.delivery == Delivery(5, "linear", 0.2, 10.0, 60.0, "json", uri)
    assert (parsed.namespace, parsed.name, parsed.broker) == ("kascade", "t", "b")


@pytest.mark.parametrize(
    ("destination", "uri"),
    [
        ({"uri": "http://localhost:1/a?b=c"}, "http://localhost:1/a?b=c"),
        ({"ref": {"kind": "Service", "name": "s"}}, "http://s.kascade.svc.cluster.local/"),
        ({"ref": {"kind": "Service", "name": "s", "namespace": "n"}}, "http://s.n.svc.cluster.local/"),
        ({"ref": {"kind": "Service", "name": "s"}, "uri": "/x/y"}, "http://s.kascade.svc.cluster.local/x/y"),
        (
            {"ref": {"kind": "Broker", "name": "b"}},
            "http://broker-ingress.knative-eventing.svc.cluster.local/kascade/b",
        ),
        (
            {"ref": {"kind": "JobSink", "name": "j"}},
            "http://job-sink.knative-eventing.svc.cluster.local/kascade/j",
        ),
    ],
)
def test_84_a_destination_is_an_address_or_an_objects_or_both_joined(
    destination: dict[str, Any], uri: str
) -> None:
    assert trigger(subscriber=destination).subscriber_uri == uri


@pytest.mark.parametrize(
    ("delivery", "field"),
    [
        ({"retry": -1}, "spec.delivery.retry"),
        ({"retry": "3"}, "spec.delivery.retry"),
        ({"retry": True}, "spec.delivery.retry"),
        ({"backoffPolicy": "cubic"}, "spec.delivery.backoffPolicy"),
        ({"backoffDelay": "1s"}, "spec.delivery.backoffDelay"),
        ({"timeout": "soon"}, "spec.delivery.timeout"),
        ({"timeout": "PT0S"}, "spec.delivery.timeout"),
        ({"retryAfterMax": "1"}, "spec.delivery.retryAfterMax"),
        ({"format": "xml"}, "spec.delivery.format"),
        ({"retries": 3}, "spec.delivery.retries"),
        ({"deadLetterSink": {}}, "spec.delivery.deadLetterSink"),
        ({"deadLetterSink": {"uri": "/relative"}}, "spec.delivery.deadLetterSink.uri"),
        ({"deadLetterSink": {"ref": {"kind": "Pod", "name": "x"}}}, "spec.delivery.deadLetterSink.ref"),
    ],
)
def test_57_a_malformed_delivery_is_refused_naming_the_field(delivery: dict[str, Any], field: str) -> None:
    for parse in (lambda: trigger(delivery=delivery), lambda: broker(delivery)):
        with pytest.raises(InvalidSpec) as caught:
            parse()
        assert field in [problem.path for problem in caught.value.problems]


def broker(delivery: Any) -> BrokerSpec:
    return parse_broker({"metadata": METADATA, "spec": {"delivery": delivery}})


@pytest.mark.parametrize(
    ("manifest", "field"),
    [
        ({"metadata": {}, "spec": {"subscriber": SUBSCRIBER}}, "metadata.name"),
        ({"metadata": METADATA, "spec": {}}, "spec.subscriber"),
        ({"metadata": METADATA, "spec": {"subscriber": SUBSCRIBER, "broker": ""}}, "spec.broker"),
        ({"metadata": METADATA, "spec": {"subscriber": SUBSCRIBER, "brokerRef": {}}}, "spec.brokerRef"),
        (
            {"metadata": METADATA, "spec": {"subscriber": {"ref": {"kind": "Service"}}}},
            "spec.subscriber.ref.name",
        ),
        (
            {"metadata": METADATA, "spec": {"subscriber": {**SUBSCRIBER, "CACerts": "x"}}},
            "spec.subscriber.CACerts",
        ),
        ({"metadata": METADATA, "spec": []}, "spec"),
    ],
)
def test_what_a_trigger_asks_beyond_what_can_be_honoured_is_refused(manifest: Any, field: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_trigger(manifest)

    assert field in [problem.path for problem in caught.value.problems]


def test_56_a_broker_without_delivery_retries_ten_times_exponentially() -> None:
    assert parse_broker({"metadata": METADATA}).delivery == DEFAULT_DELIVERY
    assert Delivery(retry=10, backoff_policy="exponential", backoff_delay_s=0.2) == DEFAULT_DELIVERY


def test_55_a_triggers_delivery_replaces_all_but_a_missing_dead_letter_sink() -> None:
    owner = BrokerSpec("kascade", "b", Delivery(retry=7, timeout_s=3.0, dead_letter_uri="http://broker/"))

    assert effective_delivery(owner, trigger()) == owner.delivery
    assert effective_delivery(owner, trigger(delivery={"retry": 1})) == Delivery(
        1, dead_letter_uri="http://broker/"
    )
    own = trigger(delivery={"deadLetterSink": {"uri": "http://own/"}})
    assert effective_delivery(owner, own) == Delivery(dead_letter_uri="http://own/")
