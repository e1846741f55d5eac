"""The CloudEvents codec: an event comes out, or a refusal; what comes out goes in again as it was."""

from __future__ import annotations

from fuzz.targets._http import split

from eventing.codec import decode, decode_all, to_binary, to_structured
from eventing.errors import InvalidEvent

_BINARY = b"ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: a.b\nce-subject: caf%C3%A9\nce-time: 2026-01-01T00:00:00Z\n"
_EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2026-01-01T00:00:00+01:00","n":1,"f":true,'
SEEDS = [
    _BINARY + b'content-type: application/json\n\n{"a": [1, 2.5, null]}',
    _BINARY + b"content-type: text/plain; charset=latin-1\n\n\xe9",
    b"content-type: application/cloudevents+json\n\n" + _EVENT + b'"data":{"a":1}}',
    b"content-type: application/cloudevents+json\n\n"
    + _EVENT
    + b'"data_base64":"AAEC","datacontenttype":"a/b"}',
    b'content-type: application/cloudevents-batch+json; charset=utf-8\n\n[{"specversion":"0.3","id":"1","source":"s",'
    b'"type":"t","schemaurl":"x","datacontentencoding":"base64","datacontenttype":"text/plain","data":"eA=="}]',
]
TOKENS = [
    b"ce-time: ",
    b"ce-datacontenttype: ",
    b"9999-12-31T23:59:59-23:59",
    b"0001-01-01T00:00:00+23:59",
    b"0.3",
]
TOKENS += [
    b"charset=bogus",
    b"application/cloudevents+json",
    b"http://[::1",
    b"http://h:port/",
    b"%E9",
    b"%",
    b'"',
]


def run(data: bytes) -> None:
    """Decode; encode what was decoded and decode it again."""
    pairs, body = split(data)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    try:
        decode_all(headers, body)
        event = decode(headers, body)
    except InvalidEvent:
        return
    for write in (to_binary, to_structured):
        again = decode(*write(event))
        assert (again.id, again.source, again.time, again.extensions) == (
            event.id,
            event.source,
            event.time,
            event.extensions,
        ), again
        assert repr(again.data) == repr(event.data), again
