"""Whatever event is written, in either mode, the same event is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.codec import decode, decode_all, to_binary, to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event
from eventing.times import EARLIEST, LATEST

text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
).filter(lambda value: not any("\ufdd0" <= letter <= "\ufdef" for letter in value))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
sources = st.from_regex(r"\A(/|[a-z][a-z0-9+]*:)[A-Za-z0-9/_~!$&'()*+,;=:@.?#-]{0,30}\Z").filter(
    lambda source: "//" not in source
)
RESERVED = {"id", "source", "type", "subject", "time", "data", "dataschema", "specversion", "datacontenttype"}
names = st.from_regex(r"\A[a-z0-9]{1,20}\Z").filter(lambda name: name not in RESERVED)
typed_data = st.tuples(st.just("application/json"), json_values) | st.tuples(
    st.sampled_from(["text/csv", "image/png"]), st.none() | st.binary(min_size=1)
)

TIMES = st.datetimes(
    EARLIEST.replace(tzinfo=None),
    (LATEST - timedelta(seconds=1)).replace(tzinfo=None),
    timezones=st.just(UTC),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    datacontenttype, data = draw(typed_data)
    return Event(
        id=draw(text),
        source=draw(sources),
        type=draw(text),
        subject=draw(st.none() | text),
        time=draw(st.none() | TIMES),
        datacontenttype=datacontenttype,
        dataschema=draw(st.none() | st.just("https://example.com/schema.json#a")),
        data=data,
        extensions=draw(st.dictionaries(names, text, max_size=4)),
    )


@pytest.mark.parametrize("write", [to_binary, to_structured])
@given(event=events())
@settings(deadline=None, max_examples=150)
def test_an_event_survives_the_wire(
    write: Callable[[Event], tuple[dict[str, str], bytes]], event: Event
) -> None:
    headers, body = write(event)
    assert all(name.isascii() and value.isascii() and value.isprintable() for name, value in headers.items())
    assert decode(headers, body) == event


MEMBERS = ["id", "source", "data", "time", "data_base64", "x", "datacontentencoding"]
HEADERS = ["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "ce-é", "Content-Type"]
VALUES = ["1.0", "0.3", "application/cloudevents+json", "application/json", "%FF"]


@given(
    headers=st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=20) | st.sampled_from(VALUES)),
    body=st.binary(max_size=60) | json_values.map(lambda value: repr(value).encode(errors="replace")),
)
@settings(deadline=None, max_examples=300)
def test_no_message_raises_anything_but_invalid_event(headers: dict[str, Any], body: bytes) -> None:
    for read in (decode, decode_all):
        with suppress(InvalidEvent):
            read(headers, body)


@given(
    members=st.dictionaries(
        st.sampled_from(["id", "source", "data", "time", "data_base64", "x"]), json_values
    )
)
@settings(deadline=None, max_examples=200)
def test_no_structured_member_raises_anything_but_invalid_event(members: dict[str, Any]) -> None:
    body = json.dumps({"specversion": "1.0", "type": "t", **members}).encode()
    with suppress(InvalidEvent):
        assert decode({"content-type": "application/cloudevents+json"}, body).type == "t"
