"""The codec: each mode in, both modes out, and every bad form named."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from eventing.attributes import check_uri_reference
from eventing.codec import decode, decode_all, to_binary, to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event

from .conftest import MEMBERS, REQUIRED, STRUCTURED, problems_of, structured


def test_a_binary_event_is_read_whatever_the_case_of_its_headers() -> None:
    headers = {
        "CE-SpecVersion": "1.0",
        "Ce-Id": "7",
        "ce-Source": "/tests",
        "CE-TYPE": "dev.example.happened",
        "Ce-Subject": "m%C3%BCnchen%20100%25",
        "ce-time": "2026-11-23T08:00:00.123456789Z",
        "ce-CorrelationId": "0",
        "content-TYPE": "application/json; charset=utf-8",
    }
    event = decode(headers, b'[1, true, null, "x"]')
    assert event == Event(
        id="7",
        source="/tests",
        type="dev.example.happened",
        subject="münchen 100%",
        time=datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC),
        datacontenttype="application/json; charset=utf-8",
        data=[1, True, None, "x"],
        extensions={"correlationid": "0"},
    )


def test_the_mode_is_told_by_the_content_type_even_when_ce_headers_are_there() -> None:
    headers = {"Content-Type": "Application/CloudEvents+JSON; charset=UTF-8", "ce-id": "of a proxy"}
    assert decode(headers, structured(data={"a": 1})).id == "1"


def test_an_event_without_time_gets_none() -> None:
    assert decode(REQUIRED, b"").time is None
    headers, _ = to_binary(decode(REQUIRED, b""))
    assert headers == REQUIRED


def test_a_quoted_header_value_is_unquoted_before_it_is_percent_decoded() -> None:
    assert decode({**REQUIRED, "ce-subject": '"a \\"b\\" %E2%82%AC"'}, b"").subject == 'a "b" €'


def test_a_percent_sign_that_encodes_nothing_stays() -> None:
    assert decode({**REQUIRED, "ce-subject": "100%"}, b"").subject == "100%"


def test_data_without_a_content_type_stays_bytes() -> None:
    event = decode(REQUIRED, b'{"a": 1}')
    assert (event.data, event.datacontenttype) == (b'{"a": 1}', None)


def test_a_body_that_is_not_json_by_its_type_stays_bytes() -> None:
    assert decode({**REQUIRED, "Content-Type": "text/csv"}, b"a,b\n").data == b"a,b\n"


@pytest.mark.parametrize("type_", ["application/vnd.example+json", "text/json", "APPLICATION/JSON;a=b"])
def test_every_json_media_type_is_parsed(type_: str) -> None:
    assert decode({**REQUIRED, "Content-Type": type_}, b"[]").data == []


def test_structured_data_base64_gives_the_bytes() -> None:
    body = structured(data_base64=base64.b64encode(b"\x00\xff").decode(), datacontenttype="image/png")
    assert decode(STRUCTURED, body).data == b"\x00\xff"


def test_structured_data_base64_of_json_type_gives_the_json_value() -> None:
    body = structured(data_base64=base64.b64encode(b'{"a":1}').decode(), datacontenttype="application/json")
    assert decode(STRUCTURED, body).data == {"a": 1}


def test_structured_text_data_gives_the_bytes_that_binary_mode_gives() -> None:
    assert decode(STRUCTURED, structured(data="grüß", datacontenttype="text/plain")).data == "grüß".encode()


def test_structured_extensions_that_are_numbers_or_booleans_become_strings() -> None:
    assert decode(STRUCTURED, structured(n=5, b=True)).extensions == {"n": "5", "b": "true"}


def test_a_structured_attribute_that_is_null_is_absent() -> None:
    event = decode(STRUCTURED, structured(subject=None, ext=None))
    assert (event.subject, event.extensions) == (None, {})


def test_version_0_3_is_read_and_stays_0_3() -> None:
    headers = {**REQUIRED, "ce-specversion": "0.3", "ce-schemaurl": "https://example.com/s"}
    event = decode(headers, b"")
    assert (event.specversion, event.dataschema, event.extensions) == ("0.3", "https://example.com/s", {})
    assert to_binary(event)[0] == headers


def test_version_0_3_data_in_base64_is_decoded_and_encoded_again() -> None:
    body = structured(
        specversion="0.3", datacontenttype="image/png", datacontentencoding="base64", data="AP8="
    )
    event = decode(STRUCTURED, body)
    assert event.data == b"\x00\xff"
    assert json.loads(to_structured(event)[1]) == json.loads(body)


def test_a_batch_gives_its_events_in_order() -> None:
    body = json.dumps([{**MEMBERS, "id": str(n), "data": n} for n in range(3)]).encode()
    events = decode_all({"Content-Type": "application/cloudevents-batch+json"}, body)
    assert [(event.id, event.data) for event in events] == [("0", 0), ("1", 1), ("2", 2)]


def test_an_empty_batch_holds_no_event() -> None:
    assert decode_all({"Content-Type": "application/cloudevents-batch+json"}, b"[]") == []


def test_the_problems_of_a_batch_name_the_events_place() -> None:
    body = json.dumps([MEMBERS, {**MEMBERS, "id": ""}, 5]).encode()
    with pytest.raises(InvalidEvent) as caught:
        decode_all({"Content-Type": "application/cloudevents-batch+json"}, body)
    assert caught.value.problems == (
        "[1] id must not be empty",
        "[2] an event must be a JSON object, not a number",
    )


def test_a_batch_is_refused_where_one_event_is_expected() -> None:
    (found,) = problems_of({"Content-Type": "application/cloudevents-batch+json"}, b"[]")
    assert "a batch of events is not taken here" in found


def test_decode_all_reads_a_single_event_too() -> None:
    assert [event.id for event in decode_all(REQUIRED, b"")] == ["1"]


def test_header_values_are_percent_encoded_on_the_way_out() -> None:
    event = Event("1", "/s", "t", subject='ü "%"', datacontenttype=None)
    assert to_binary(event)[0]["ce-subject"] == "%C3%BC%20%22%25%22"


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (Event("", "/s", "t"), "id must not be empty"),
        (Event("1", "/s", "t", time=datetime(2026, 1, 1)), "must be timezone aware"),
        (Event("1", "/s", "t", extensions={"a-b": "x"}), "should only contain"),
        (Event("1", "/s", "t", extensions={"source": "x"}), "source is set as an extension"),
        (Event("1", "/s", "t", datacontenttype="text/plain", data="x"), "data: must be bytes"),
        (Event("1", "/s", "t", data=float("nan")), "data has no JSON form"),
        (Event("1", "/s", "t", data={1, 2}), "data has no JSON form"),
    ],
)
def test_an_event_that_breaks_the_specification_is_not_written(event: Event, problem: str) -> None:
    for write in (to_binary, to_structured):
        with pytest.raises(InvalidEvent, match=problem):
            write(event)


@pytest.mark.case("T5", "attributes that the producer did not encode, as WSGI gives them")
@pytest.mark.parametrize("raw", ["caf\u00e9".encode(), "caf\u00e9".encode("latin-1"), b"caf%C3%A9"])
def test_an_attribute_that_was_sent_raw_is_taken(raw: bytes) -> None:
    assert decode({**REQUIRED, "ce-subject": raw.decode("latin-1")}, b"").subject == "caf\u00e9"


@pytest.mark.case("T8", "sources that are no URI-references, and some that look odd and are")
@pytest.mark.parametrize(
    ("source", "valid"),
    [
        ("http://[::1", False),
        ("http://[::1]x/", False),
        ("http://[1.2.3.4]/", False),
        ("http://a[b]/", False),
        ("http://h:port/", False),
        ("http://h:8:9/", False),
        ("http://::1/", False),
        ("//[x", False),
        ("//[]/", False),
        ("http://[::1]:8080/a", True),
        ("http://[fe80::1%25eth0]/", True),
        ("http://[v1.fe80::a+en1]/", True),
        ("http://user:secret@h:80/x", True),
        ("http://h:/", True),
        ("file:///etc/[x]", True),
        ("//h/p", True),
        ("urn:isbn:0451450523", True),
        ("/a//b:c", True),
        ("a/b:c//[", True),
    ],
)
def test_a_source_is_a_uri_reference(source: str, valid: bool) -> None:
    assert (check_uri_reference(source) is None) is valid
