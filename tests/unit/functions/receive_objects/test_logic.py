"""The pure rules: what counts as a change, and which event says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.codec import decode, to_binary
from eventing.store import StoredObject
from functions.receive_objects.logic import changes, event_of, identity, left_unsent, successor, watched
from functions.state.objects import SeenObject

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


def stored(key: str, etag: str = "e1", modified: datetime = NOW) -> StoredObject:
    return StoredObject(f"s3://raw/{key}", key, etag, 7, modified)


def seen(key: str, etag: str | None = "e1", generation: int = 1, sent: bool = True) -> SeenObject:
    return SeenObject("raw", key, etag, 7, NOW, generation, sent, NOW)


def test_a_new_object_is_generation_one() -> None:
    assert successor(None, "raw", "a", stored("a"), NOW, LATER) == SeenObject(
        "raw", "a", "e1", 7, NOW, 1, False, LATER
    )


def test_the_same_content_is_no_change() -> None:
    assert successor(seen("a"), "raw", "a", stored("a", modified=LATER), NOW, LATER) is None


def test_other_content_is_the_next_generation() -> None:
    changed = successor(seen("a", generation=4), "raw", "a", stored("a", "e2"), NOW, LATER)
    assert changed is not None
    assert (changed.etag, changed.generation, changed.sent) == ("e2", 5, False)


def test_an_object_that_is_gone_is_the_next_generation_without_etag() -> None:
    gone = successor(seen("a"), "raw", "a", None, NOW, LATER)
    assert gone is not None
    assert (gone.etag, gone.size, gone.generation) == (None, None, 2)


def test_what_was_never_seen_or_is_gone_already_cannot_vanish() -> None:
    assert successor(None, "raw", "a", None, NOW, LATER) is None
    assert successor(seen("a", etag=None), "raw", "a", None, NOW, LATER) is None


def test_one_listing_tells_what_appeared_changed_and_vanished() -> None:
    known = {key: seen(key) for key in ("same", "changed", "vanished")} | {"gone": seen("gone", None)}
    listing = [stored("changed", "e2"), stored("new"), stored("same"), stored("folder/")]
    found = list(changes(known, "raw", listing, NOW, LATER))
    assert [(version.key, version.etag, version.generation) for version in found] == [
        ("changed", "e2", 2),
        ("new", "e1", 1),
        ("vanished", None, 2),
    ]


@given(
    before=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["e1", "e2", None])),
    after=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["e1", "e2"])),
)
@settings(deadline=None, max_examples=100)
def test_after_the_changes_are_known_there_are_none(
    before: dict[str, str | None], after: dict[str, str]
) -> None:
    known = {key: seen(key, etag) for key, etag in before.items()}
    listing = [stored(key, etag) for key, etag in after.items()]
    known |= {version.key: version for version in changes(known, "raw", listing, NOW, LATER)}
    assert {key: version.etag for key, version in known.items() if version.etag} == after
    assert list(changes(known, "raw", listing, NOW, LATER)) == []


@pytest.mark.parametrize(
    ("key", "expected"), [("a", True), ("a/b.csv", True), ("a/", False), ("\x00", False)]
)
def test_markers_of_folders_are_not_announced(key: str, expected: bool) -> None:
    assert watched(key) is expected


def test_only_what_nobody_is_sending_counts_as_left_unsent() -> None:
    claimed = replace(seen("claimed", sent=False), claimed_until=LATER)
    known = {version.key: version for version in (seen("sent"), seen("left", sent=False), claimed)}
    assert [version.key for version in left_unsent(known, NOW)] == ["left"]
    assert {version.key for version in left_unsent(known, LATER)} == {"left", "claimed"}


def test_the_event_follows_the_adapter_convention() -> None:
    event = event_of(seen("churn/münchen 1.csv"))
    assert (event.type, event.source, event.subject) == (
        "com.amazonaws.s3.ObjectCreated:Put",
        "aws:s3..raw",
        "churn/münchen 1.csv",
    )
    assert event.data == {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-23T12:00:00Z",
        "s3": {
            "bucket": {"name": "raw"},
            "object": {"key": "churn/m%C3%BCnchen+1.csv", "eTag": "e1", "size": 7},
        },
    }


def test_the_event_of_a_removal_has_neither_etag_nor_size() -> None:
    event = event_of(replace(seen("a", etag=None), size=None))
    assert event.type == "com.amazonaws.s3.ObjectRemoved:Delete"
    assert event.data["s3"]["object"] == {"key": "a"}


def test_each_generation_has_its_own_id_and_always_the_same() -> None:
    versions = [
        seen("a", "A", 1),
        seen("a", "B", 2),
        seen("a", "A", 3),
        seen("a", None, 4),
        seen("b", "A", 1),
    ]
    assert len({identity(version) for version in versions}) == 5
    assert identity(seen("a", "A", 1)) == identity(replace(seen("a", "A", 1), sent=False, size=9))
    assert identity(seen("a")) == "b7c194d8-4bfb-5d34-b971-cb75ebf7b500"


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
@settings(deadline=None, max_examples=200)
def test_every_key_that_a_store_can_hold_gives_an_event_that_can_be_sent(key: str) -> None:
    event = event_of(seen(key))
    assert decode(*to_binary(event)) == event
