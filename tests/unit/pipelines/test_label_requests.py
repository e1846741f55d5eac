"""Which predictions are asked for their label at random."""

from __future__ import annotations

from pipelines.label_requests import is_asked
from pipelines.prediction_ids import prediction_ids

IDS = prediction_ids(20_000, 1_772_366_400_000, 5)


def test_of_one_requests_many_rows_the_share_is_asked() -> None:
    assert 0.045 < sum(is_asked(each, 0.05) for each in IDS) / len(IDS) < 0.055
    assert not any(is_asked(each, 0.0) for each in IDS)
    assert all(is_asked(each, 1.0) for each in IDS)


def test_with_a_larger_share_those_of_a_smaller_one_are_asked_as_well() -> None:
    assert all(is_asked(each, 0.2) for each in IDS if is_asked(each, 0.05))
