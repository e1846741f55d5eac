"""What is no event is refused, with every problem named."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import REQUIRED, STRUCTURED, problems_of, structured


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ce-id": None}, "id is missing"),
        ({"ce-source": None}, "source is missing"),
        ({"ce-type": None}, "type is missing"),
        ({"ce-specversion": None}, "specversion is missing"),
        ({"ce-specversion": "1.1"}, "specversion '1.1' is not supported: send 1.0 or 0.3"),
        ({"ce-id": ""}, "id must not be empty"),
        ({"ce-subject": ""}, "subject must not be empty"),
        ({"ce-source": "/a b"}, "source is not a URI-reference: ' ' at position 2 must be percent-encoded"),
        ({"ce-source": "1a:b"}, "source is not a URI-reference: what stands before"),
        ({"ce-dataschema": "/relative"}, "dataschema is not an absolute URI"),
        ({"ce-time": "yesterday"}, "time is not an RFC 3339 time"),
        ({"ce-time": "2026-11-23"}, "time is not an RFC 3339 time"),
        ({"ce-time": "2026-11-23T08:00:00"}, "time is not an RFC 3339 time"),
        ({"ce-time": "2026-13-23T08:00:00Z"}, "time is no time that is taken: month must be in 1..12"),
        ({"ce-my-ext": "x"}, "my-ext: Extension attribute 'my-ext' should only contain"),
        ({"ce-data": "x"}, "data: Extension attribute 'data'"),
        ({"ce-source": "http://[::1"}, "source is not a URI-reference: what begins with '['"),
        ({"ce-source": "http://h:port/"}, "source is not a URI-reference: ':port' after its host is no port"),
        ({"ce-source": "//[x"}, "source is not a URI-reference: what begins with '['"),
        ({"ce-subject": "%FF"}, "ce-subject is not percent-encoded UTF-8"),
        ({"ce-subject": "a%0Ab"}, "subject holds U+000A at position 1"),
        ({"ce-subject": "x" * 4097}, "subject is 4097 bytes long; at most 4096 are taken"),
        ({"ce-" + "x" * 65: "x"}, "is a name of 65 characters"),
        ({"ce-datacontenttype": "text/plain"}, "ce-datacontenttype must not be sent"),
    ],
)
def test_a_bad_attribute_in_binary_mode_is_named(change: dict[str, str | None], problem: str) -> None:
    headers = {name: value for name, value in {**REQUIRED, **change}.items() if value is not None}
    found = problems_of(headers)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"id": 5}, "id must be a string, not a number"),
        ({"source": ["a"]}, "source must be a string, not an array"),
        ({"specversion": 1.0}, "specversion 1.0 is not supported"),
        ({"time": 1700000000}, "time must be a string, not a number"),
        ({"datacontenttype": {}}, "datacontenttype must be a string, not an object"),
        ({"ext": 1.5}, "ext must be a string, not a number"),
        ({"ext": {"a": 1}}, "ext must be a string, not an object"),
        ({"Ext": "x"}, "Ext: Extension attribute 'Ext' should only contain"),
        ({"data": 1, "data_base64": "AA=="}, "both data and data_base64 are set"),
        ({"data_base64": "A"}, "data is not base64"),
        ({"data_base64": "ü"}, "data is not base64"),
        ({"data_base64": 5}, "base64 data must be a string, not a number"),
        ({"data_base64": "eyI="}, "data is not JSON, though its type is None"),
        ({"data": {}, "datacontenttype": "text/plain"}, "data is an object, which datacontenttype"),
        ({"specversion": "0.3", "datacontentencoding": "gzip", "data": "x"}, "'gzip' is not supported"),
    ],
)
def test_a_bad_member_in_structured_mode_is_named(members: dict[str, Any], problem: str) -> None:
    if members.get("data_base64") == "eyI=":
        members = {**members, "datacontenttype": "application/json"}
        problem = "data is not JSON, though its type is 'application/json'"
    found = problems_of(STRUCTURED, structured(**members))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"[]", "an event must be a JSON object, not an array"),
        (b'"x"', "an event must be a JSON object, not a string"),
        (b"null", "an event must be a JSON object, not null"),
        (b"\xff\xfe{\x00}\x00", "byte 0 is not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b"[" * 200_000, "the body is not JSON"),
        (b"1" * 5000, "the body is not JSON"),
    ],
)
def test_a_structured_body_that_is_no_event_is_refused(body: bytes, problem: str) -> None:
    (found,) = problems_of(STRUCTURED, body)
    assert problem in found


@pytest.mark.parametrize("body", [b"{", b"NaN", b"'x'", b"\xff", b"[1e999]"])
def test_broken_json_in_binary_mode_is_refused(body: bytes) -> None:
    (found,) = problems_of({**REQUIRED, "Content-Type": "application/json"}, body)
    assert found.startswith("data is not JSON, though its type is 'application/json'")


def test_all_problems_are_told_at_once() -> None:
    headers = {"ce-specversion": "9", "ce-source": "a b", "ce-time": "x", "ce-a-b": "y", "ce-subject": "%FF"}
    found = problems_of({**headers, "Content-Type": "application/json"}, b"{")
    named = {problem.split(" ")[0].removeprefix("ce-").rstrip(":") for problem in found}
    assert named == {"specversion", "id", "source", "type", "time", "a-b", "subject", "data"}


def test_a_message_that_is_no_event_says_how_to_send_one() -> None:
    (found,) = problems_of({"Content-Type": "application/json"}, b"{}")
    assert "neither ce- headers (binary mode) nor Content-Type application/cloudevents+json" in found


@pytest.mark.parametrize("type_", ["application/cloudevents+xml", "application/cloudevents"])
def test_an_unknown_event_format_is_refused(type_: str) -> None:
    (found,) = problems_of({"Content-Type": type_}, b"<event/>")
    assert "is not supported: send application/cloudevents+json" in found


def test_a_charset_other_than_utf_8_is_refused() -> None:
    (found,) = problems_of({"Content-Type": 'application/cloudevents+json; charset="UTF-16"'}, structured())
    assert found == "charset 'utf-16' is not supported: JSON events are UTF-8"
