"""Tests of prediction ids."""

from __future__ import annotations

import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.prediction_ids import MAX_ROWS, RANDOM_BITS, EventIds, IdSource, prediction_ids

MILLISECONDS = st.integers(0, 2**48 - 1)


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 2000), now_ms=MILLISECONDS, bits=st.integers(0, 2**RANDOM_BITS - 1))
def test_ids_are_distinct_ordered_uuid7_of_their_millisecond(count: int, now_ms: int, bits: int) -> None:
    ids = prediction_ids(count, now_ms, bits)

    assert len(set(ids)) == count
    assert ids == sorted(ids)
    for text in (ids[0], ids[-1]):
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        assert parsed.int >> 80 == now_ms


@settings(deadline=None, max_examples=60)
@given(a=st.integers(0, 2**RANDOM_BITS - 1), b=st.integers(0, 2**RANDOM_BITS - 1))
def test_different_randomness_gives_different_ids(a: int, b: int) -> None:
    assert (prediction_ids(1, 0, a) == prediction_ids(1, 0, b)) == (a == b)


def test_the_largest_request_still_has_distinct_ids() -> None:
    assert len(set(prediction_ids(MAX_ROWS, 1, 1))) == MAX_ROWS


def test_the_source_reads_the_clock_for_each_request() -> None:
    times = iter([1.0, 2.5])
    source = IdSource(lambda: next(times), lambda bits: 2**bits - 1)

    assert [uuid.UUID(source.take(1)[0]).int >> 80 for _ in range(2)] == [1000, 2500]


def test_the_ids_of_an_event_depend_on_its_source_and_id_alone() -> None:
    first = EventIds("/shop", "1", 5).take(2)

    assert EventIds("/shop", "1", 5).take(2) == first
    assert EventIds("/shop", "2", 5).take(2) != first
    assert EventIds("/web", "1", 5).take(2) != first
