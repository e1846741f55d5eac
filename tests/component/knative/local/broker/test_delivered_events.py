"""Section C of the broker contract: what a subscriber receives."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

FULL = {
    "subject": "caf%C3%A9%20%22x%22",
    "time": "2026-11-23T08:00:00.123456789Z",
    "dataschema": "https://example.org/schema",
    "Correlationid": "c-1",
    "traceparent": "00-11111111111111111111111111111111-2222222222222222-01",
}
STRUCTURED = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "dev.kascade.tested"}


def test_23_25_attributes_and_data_arrive_as_sent_at_the_subscribers_own_path(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber.url + "hook?a=1&b=%2F")

    world.send(b'{"a": 1.0}', **FULL)

    (received,) = subscriber.wait_for(1)
    assert (received.method, received.path, received.body) == ("POST", "/hook?a=1&b=%2F", b'{"a": 1.0}')
    assert received.headers["content-type"] == "application/json"
    for name, value in (STRUCTURED | FULL).items():
        assert received.attribute(name.lower()) == value


def test_24_the_broker_says_when_an_event_arrived_whatever_the_producer_says(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    world.send(knativearrivaltime="2001-01-01T00:00:00Z")

    (received,) = subscriber.wait_for(1)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", received.attribute("knativearrivaltime"))
    assert not received.attribute("knativearrivaltime").startswith("2001")


def test_26_27_28_a_reply_is_preferred_from_subscribers_only_and_the_namespace_told_to_all(
    world: Any, answer: Any
) -> None:
    subscriber, sink = world.subscriber(answer(400)), world.subscriber()
    world.trigger(subscriber, delivery={"deadLetterSink": {"uri": sink.url}})

    world.send(headers={"Prefer": "nothing", "Kn-Namespace": "elsewhere"})

    (received,), (dead,) = subscriber.wait_for(1), sink.wait_for(1)
    assert received.headers.getall("Prefer") == ["reply"]
    assert "Prefer" not in dead.headers
    assert received.headers.getall("Kn-Namespace") == dead.headers.getall("Kn-Namespace") == ["kascade"]


def test_29_30_only_a_few_headers_of_the_producer_and_the_trace_go_along(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)
    kept = {
        "X-Request-Id": "r-1",
        "Knative-Thing": "k",
        "X-B3-TraceId": "b3",
        "traceparent": FULL["traceparent"],
        "tracestate": "a=b",
        "baggage": "user=1",
    }
    dropped = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Custom": "1", "Kn-Other": "2"}

    world.send(headers={**kept, **dropped})

    (received,) = subscriber.wait_for(1)
    assert {name: received.headers.get(name) for name in kept} == kept
    assert not [name for name in dropped if name in received.headers]


@pytest.mark.parametrize(
    ("members", "content_type", "body"),
    [
        ({"data": {"a": [1, None]}}, "application/json", b'{"a": [1, null]}'),
        (
            {"data_base64": base64.b64encode(b"\x00\xff").decode(), "datacontenttype": "image/png"},
            "image/png",
            b"\x00\xff",
        ),
        ({"data": "plain", "datacontenttype": "text/plain"}, "text/plain", b"plain"),
        ({}, None, b""),
    ],
)
def test_31_32_a_structured_event_is_delivered_in_binary_mode(
    world: Any, members: dict[str, Any], content_type: str | None, body: bytes
) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)

    world.send_structured({**STRUCTURED, "num": 5, "flag": True, "none": None, "subject": 'é "%', **members})

    (received,) = subscriber.wait_for(1)
    assert (received.headers.get("content-type"), received.body) == (content_type, body)
    assert (received.attribute("num"), received.attribute("flag")) == ("5", "true")
    assert received.attribute("none") is None
    assert received.attribute("subject") == "%C3%A9%20%22%25"


def test_31_numbers_in_structured_data_arrive_digit_by_digit(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber)
    data = b'{"big": 123456789012345678901234567890, "exact": 0.10000000000000000555, "one": 1.0}'

    world.send_structured(json.dumps(STRUCTURED).encode()[:-1] + b', "data": ' + data + b"}")

    assert subscriber.wait_for(1)[0].body == data


@pytest.mark.parametrize(
    ("content_type", "body", "member"),
    [
        ("application/json", b'{"a": 1}', {"data": {"a": 1}}),
        ("application/json", b"{broken", {"data_base64": base64.b64encode(b"{broken").decode()}),
        ("text/plain", b"hi", {"data_base64": base64.b64encode(b"hi").decode()}),
        ("application/json", b"", {}),
    ],
)
def test_31_the_trigger_can_ask_for_structured_mode(
    world: Any, content_type: str, body: bytes, member: dict[str, Any]
) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber, delivery={"format": "json"})

    world.send(body, {"content-type": content_type, "X-Request-Id": "r"}, subject="caf%C3%A9")

    (received,) = subscriber.wait_for(1)
    event = json.loads(received.body)
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["x-request-id"] == "r"
    assert received.attribute("id") is None
    assert event.pop("knativearrivaltime")
    assert event == {**STRUCTURED, "subject": "café", "datacontenttype": content_type, **member}


def test_33_34_each_trigger_that_matches_delivers_also_to_the_same_subscriber(world: Any) -> None:
    subscriber, other = world.subscriber(), world.subscriber()
    world.trigger(subscriber, "one")
    world.trigger(subscriber, "two")
    world.trigger(other, "three", filter={"attributes": {"type": "other"}})

    world.send()

    assert [each.attribute("id") for each in subscriber.wait_for(2)] == ["1", "1"]
    assert other.received == []


def test_35_an_event_that_no_trigger_wants_is_accepted(world: Any) -> None:
    assert world.send().status == 202
    assert world.metric("kascade_broker_events_accepted_total") == 1


def test_36_events_are_delivered_concurrently_up_to_the_triggers_bound(
    world: Any, answer: Any, until: Any
) -> None:
    world.stop()
    subscriber = world.subscriber(answer(after_s=0.5))
    world.trigger(subscriber)
    world.start(concurrency=4)

    for number in range(8):
        world.send(id=str(number))

    received = subscriber.wait_for(8)
    assert received[3].at - received[0].at < 0.4
    assert received[4].at - received[0].at > 0.4


@pytest.mark.case("T5", "a raw attribute arrives as it was sent, and filters see its text")
def test_a_raw_attribute_reaches_the_subscriber_as_it_was_sent(world: Any) -> None:
    subscriber = world.subscriber()
    world.trigger(subscriber, filters=[{"exact": {"subject": "café"}}])

    for raw in ("café".encode(), "café".encode("latin-1")):
        assert world.send(headers={"ce-subject": raw}).status == 202

    utf8, latin = subscriber.wait_for(2)
    assert {each.attribute("subject") for each in (utf8, latin)} == {"café", "caf%C3%A9"}
