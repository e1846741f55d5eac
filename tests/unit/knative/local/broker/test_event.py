"""Reading an event; the broker and the functions must agree on what an event is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.codec import decode
from eventing.errors import InvalidEvent
from knative.local.broker.errors import MalformedEvent
from knative.local.broker.event import has_event, read_event

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
NAMES = ["specversion", "id", "source", "type", "subject", "time", "dataschema", "correlationid", "bad_name"]
VALUES = [
    None,
    "",
    "1.0",
    "0.3",
    "1.1",
    "/s",
    "%zz",
    "a b",
    "1a:b",
    "http://x/y",
    "caf%C3%A9",
    "%ff",
    '"q"',
    "é",
    "2026-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01",
    "\x7f",
    "x" * 5000,
]


def valid_here(headers: dict[str, str], body: bytes) -> bool:
    try:
        read_event([(name.encode(), value.encode()) for name, value in headers.items()], body)
    except MalformedEvent:
        return False
    return True


def valid_for_functions(headers: dict[str, str], body: bytes) -> bool:
    try:
        decode(headers, body)
    except InvalidEvent:
        return False
    return True


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3))
@settings(max_examples=300, deadline=None)
def test_the_broker_and_the_codec_agree_on_binary_events(changes: dict[str, str | None]) -> None:
    attributes = {**REQUIRED, **changes}
    headers = {f"ce-{name}": value for name, value in attributes.items() if value is not None}

    assert valid_here(headers, b"") == valid_for_functions(headers, b"")


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*VALUES, 5, True, 1.5, ["x"]]), max_size=3))
@settings(max_examples=300, deadline=None)
def test_the_broker_and_the_codec_agree_on_structured_events(changes: dict[str, object]) -> None:
    body = json.dumps({**REQUIRED, **changes}).encode()
    headers = {"content-type": "application/cloudevents+json"}

    assert valid_here(headers, body) == valid_for_functions(headers, body)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(MalformedEvent) as caught:
        read_event([(b"ce-id", b""), (b"ce-time", b"x"), (b"ce-specversion", b"9")], b"")

    assert len(caught.value.problems) == 5


def test_an_attribute_sent_twice_is_refused() -> None:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in REQUIRED.items()]

    with pytest.raises(MalformedEvent, match="twice"):
        read_event([*headers, (b"CE-Id", b"2")], b"")


@pytest.mark.case("T5", "raw UTF-8 and raw Latin-1, as Go's, JavaScript's and Python's older SDKs send")
@pytest.mark.parametrize(
    ("raw", "on_the_wire"),
    [
        ("café ☕".encode(), "café ☕"),
        ("café".encode("latin-1"), "caf%C3%A9"),
        (b"caf%C3%A9", "caf%C3%A9"),
    ],
)
def test_an_attribute_that_was_sent_raw_is_taken(raw: bytes, on_the_wire: str) -> None:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in REQUIRED.items()]

    event = read_event([*headers, (b"ce-subject", raw)], b"")

    assert event.headers["ce-subject"] == on_the_wire
    assert event.attributes["subject"] in ("café ☕", "café")


@pytest.mark.case("T8", "an empty or malformed datacontenttype in structured mode")
@pytest.mark.parametrize(
    "datacontenttype", ["", " ", "json", "application/", "/json", "a b/c", "text/plain, x", "é/x"]
)
def test_a_datacontenttype_that_is_no_media_type_is_refused(datacontenttype: str) -> None:
    body = json.dumps({**REQUIRED, "datacontenttype": datacontenttype, "data": "x"}).encode()

    with pytest.raises(MalformedEvent, match="datacontenttype"):
        read_event([(b"content-type", b"application/cloudevents+json")], body)


def test_an_empty_content_type_in_binary_mode_is_none() -> None:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in REQUIRED.items()]

    event = read_event([*headers, (b"content-type", b"")], b"")

    assert "datacontenttype" not in event.attributes
    assert "content-type" not in event.headers


@pytest.mark.parametrize(
    ("headers", "announced"),
    [
        ([(b"Ce-Id", b"1")], True),
        ([(b"Content-Type", b"Application/CloudEvents+json")], True),
        ([(b"Content-Type", b"application/json")], False),
        ([], False),
    ],
)
def test_an_answer_announces_an_event_by_its_headers(
    headers: list[tuple[bytes, bytes]], announced: bool
) -> None:
    assert has_event(headers) is announced
