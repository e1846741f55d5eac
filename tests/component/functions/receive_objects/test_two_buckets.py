"""Data and labels are dropped into two buckets: each is watched, and each event says which one it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import HandlingFailed

RAW, FEEDBACK = "aws:s3..raw", "aws:s3..feedback"


@pytest.fixture
def both(system: Any) -> Iterator[Any]:
    system.store.ensure_bucket("feedback")
    system.buckets = ("raw", "feedback")
    yield system
    for entry in list(system.store.list("s3://feedback/")):
        system.client.delete_object(Bucket="feedback", Key=entry.key)


def places(events: list[Event]) -> Counter[tuple[str, str]]:
    return Counter((event.source, event.subject or "") for event in events)


def test_a_sweep_announces_what_lies_in_either_bucket_once(both: Any) -> None:
    both.drop("churn/july.csv", b"1")
    both.drop("churn/labels.csv", b"1", "feedback")
    app = both.start()
    for _ in range(3):
        both.sweep(app)
    assert places(both.sink.events) == Counter([(RAW, "churn/july.csv"), (FEEDBACK, "churn/labels.csv")])


def test_the_same_key_and_content_in_both_buckets_are_two_objects(both: Any) -> None:
    both.drop("churn/a.csv", b"same")
    both.drop("churn/a.csv", b"same", "feedback")
    app = both.start()
    both.sweep(app)
    assert places(both.sink.events) == Counter([(RAW, "churn/a.csv"), (FEEDBACK, "churn/a.csv")])
    assert len({event.id for event in both.sink.events}) == 2

    both.client.delete_object(Bucket="feedback", Key="churn/a.csv")
    both.sweep(app)
    (gone,) = both.sink.events[2:]
    assert (gone.source, gone.data["eventName"]) == (FEEDBACK, "ObjectRemoved:Delete")


def test_a_webhook_and_the_sweep_tell_of_a_file_of_labels_once(both: Any) -> None:
    app = both.start()
    both.drop("churn/labels.csv", b"1", "feedback")
    assert both.notify(app, "churn/labels.csv", bucket="feedback") == 200
    both.sweep(app)
    assert places(both.sink.events) == Counter([(FEEDBACK, "churn/labels.csv")])


def test_a_webhook_that_names_the_wrong_one_of_them_announces_nothing(both: Any) -> None:
    app = both.start()
    both.drop("churn/labels.csv", b"1", "feedback")
    assert both.notify(app, "churn/labels.csv", bucket="raw") == 200
    assert both.sink.events == []


def test_without_the_bucket_of_labels_data_is_announced_and_the_answer_says_what_to_create(both: Any) -> None:
    store = MemoryStore("raw")
    store.put("s3://raw/churn/july.csv", b"1")
    app = both.start(store=store)
    with pytest.raises(HandlingFailed, match="there is no bucket feedback: create it") as failed:
        both.sweep(app)
    assert failed.value.status == 503
    assert places(both.sink.events) == Counter([(RAW, "churn/july.csv")])
