"""Reading notifications: whatever comes, something sensible is understood and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.receive_objects.notification import Hint, Notification, read_notification


def record(key: str, name: str = "s3:ObjectCreated:Put", **stored: Any) -> dict[str, Any]:
    return {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "awsRegion": "",
        "eventTime": "2026-11-23T12:00:00.123Z",
        "eventName": name,
        "s3": {"bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"}, "object": {"key": key, **stored}},
    }


def read(*records: Any) -> Notification:
    return read_notification(
        json.dumps({"EventName": "x", "Key": "raw/x", "Records": list(records)}).encode()
    )


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_a_ping(body: bytes) -> None:
    assert read_notification(body) == Notification()


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("churn%2Fa.csv", "churn/a.csv"),
        ("churn/a+b.csv", "churn/a b.csv"),
        ("m%C3%BCnchen%2B1.csv", "münchen+1.csv"),
        ("..%2F..%2Fetc", "../../etc"),
    ],
)
def test_keys_are_form_encoded(encoded: str, key: str) -> None:
    assert read(record(encoded)).hints == (Hint("raw", key),)


def test_a_removal_lacks_etag_and_size() -> None:
    assert read(record("a", "s3:ObjectRemoved:Delete")).hints == (Hint("raw", "a"),)


def test_names_without_the_prefix_are_those_of_s3_itself() -> None:
    assert read(record("a", "ObjectCreated:CompleteMultipartUpload")).hints == (Hint("raw", "a"),)


def test_several_records_about_one_object_are_one_hint() -> None:
    assert read(record("a"), record("b"), record("a", "s3:ObjectRemoved:Delete")).hints == (
        Hint("raw", "a"),
        Hint("raw", "b"),
    )


def test_other_events_are_ignored() -> None:
    assert read(record("a", "s3:ObjectAccessed:Get"), record("b", "s3:TestEvent")).ignored == 2
    assert read_notification(b'{"Event": "s3:TestEvent"}').ignored == 1


def test_one_bad_record_does_not_hide_the_good_ones() -> None:
    found = read(record("a"), {"eventName": "s3:ObjectCreated:Put"}, record("b"))
    assert found.hints == (Hint("raw", "a"), Hint("raw", "b"))
    assert found.problems == ("Records[1]: s3: Field required",)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b"{}", "there is no list of Records"),
        (b'{"Records": {}}', "there is no list of Records"),
        (b'{"Records": [5]}', "Records[0]: "),
        (json.dumps({"Records": [record("%FF")]}).encode(), "Records[0]: the key is not UTF-8"),
        (json.dumps({"Records": [record("")]}).encode(), "Records[0]: s3.object.key: "),
        (json.dumps({"Records": [record("a", size=-1)]}).encode(), "Records[0]: s3.object.size: "),
    ],
)
def test_what_cannot_be_understood_is_told(body: bytes, problem: str) -> None:
    (found,) = read_notification(body).problems
    assert found.startswith(problem)


MEMBERS = ["Records", "Event", "eventName", "s3", "bucket", "name", "object", "key"]
messages = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner),
    max_leaves=15,
)


@given(st.binary(max_size=40) | messages.map(lambda message: json.dumps(message).encode()))
@settings(deadline=None, max_examples=300)
def test_nothing_raises(body: bytes) -> None:
    assert isinstance(read_notification(body), Notification)
