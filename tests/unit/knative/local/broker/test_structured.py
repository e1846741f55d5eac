from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knative.local.broker.errors import MalformedEvent
from knative.local.broker.event import read_event
from knative.local.broker.structured import from_binary, to_binary

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Cn")), min_size=1
)


@given(subject=TEXT, data=JSON.filter(lambda value: value is not None), indent=st.sampled_from([None, 1]))
@settings(max_examples=150, deadline=None)
def test_an_event_survives_the_way_to_binary_mode_and_back(
    subject: str, data: object, indent: int | None
) -> None:
    event = {**REQUIRED, "subject": subject, "data": data}
    body = json.dumps(event, indent=indent).encode(errors="surrogatepass")

    headers, binary = to_binary({"content-type": "application/cloudevents+json"}, body)
    _, back = from_binary(headers, binary)

    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert json.loads(back) == {**event, "datacontenttype": "application/json"}


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
@example(b'{"a": 1}: 2}')
@example(b'"a": 1, "a": 2}')
@example(b"}")
def test_any_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        read_event([(b"content-type", b"application/cloudevents+json")], b"{" + body)


def test_an_event_of_version_03_says_its_data_is_base64_by_another_member() -> None:
    event = {
        **REQUIRED,
        "specversion": "0.3",
        "datacontentencoding": "base64",
        "data": "AP8=",
        "schemaurl": "http://s",
    }

    headers, data = to_binary({}, json.dumps({**event, "datacontenttype": "image/png"}).encode())

    assert (data, headers["ce-schemaurl"]) == (b"\x00\xff", "http://s")
    assert "ce-datacontentencoding" not in headers
    assert json.loads(from_binary(headers, data)[1]) == {**event, "datacontenttype": "image/png"}


def test_a_structured_event_is_read_with_its_decoded_attributes() -> None:
    body = json.dumps({**REQUIRED, "subject": 'é "%', "num": 5}).encode()

    incoming = read_event([(b"Content-Type", b"application/cloudevents+json")], body)

    assert (incoming.attributes["subject"], incoming.attributes["num"]) == ('é "%', "5")
    assert incoming.headers["ce-subject"] == "%C3%A9%20%22%25"


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"datacontenttype": "text/plain", "data": {"a": 1}}, "data must be a string"),
        ({"datacontenttype": "a\r\nb: c"}, "datacontenttype"),
        ({"ratio": 1.5}, "ratio must be a string"),
        ({"id": 5}, "id must be a string"),
        ({"ex-t": "x"}, "no attribute name"),
        ({"data_base64": 5}, "base64"),
    ],
)
def test_members_that_cannot_be_attributes_are_refused(members: dict[str, object], says: str) -> None:
    with pytest.raises(MalformedEvent, match=says):
        to_binary({}, json.dumps({**REQUIRED, **members}).encode())


@pytest.mark.parametrize("name", ["id", "data", "ext"])
def test_a_member_that_is_there_twice_is_refused_by_its_name(name: str) -> None:
    members = "".join(f'"{each}": "1", ' for each in ("id", "source", "type", "specversion", "data", "ext"))

    with pytest.raises(MalformedEvent, match=f"'{name}' is there twice"):
        to_binary({}, f'{{{members} "{name}": null}}'.encode())


def test_what_is_in_the_data_is_left_to_the_subscriber() -> None:
    members = json.dumps(REQUIRED).removesuffix("}")

    _, data = to_binary({}, f'{members}, "data": {{"a": 1, "a": 2}}}}'.encode())

    assert data == b'{"a": 1, "a": 2}'
