"""A label has its event's or its file's time; how long it was on its way is another matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eventing.catalogue import FeedbackReceived, ObjectRecord
from eventing.event import Event
from functions.join_feedback.times import Times, is_before, times_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABEL = FeedbackReceived(model="churn", label="yes", prediction_id="p")
OBJECT = {"bucket": {"name": "feedback"}, "object": {"key": "churn/a.csv"}}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def came(time: datetime | None, arrived: str | None = None) -> Times:
    extensions = {} if arrived is None else {"knativearrivaltime": arrived}
    return times_of(Event("1", "/shop", "t", time=time, extensions=extensions), LABEL, NOW)


def test_a_label_has_the_time_of_its_event_however_late_it_is_handled() -> None:
    assert came(ago(3600), ago(40).isoformat()) == Times(ago(3600), NOW, 40.0, ahead=False)


def test_without_a_time_it_came_when_the_broker_took_it() -> None:
    assert came(None, "2026-03-01T11:59:20.123456789Z").received_at == NOW - timedelta(seconds=39.876544)


@pytest.mark.parametrize("arrived", [None, "", "yesterday", "0001-01-01T00:00:00Z", "2026-03-01T11:00:00"])
def test_without_any_time_it_comes_now(arrived: str | None) -> None:
    assert came(None, arrived) == Times(NOW, NOW, 0.0, ahead=False)


def test_a_time_in_the_future_is_now_and_is_told() -> None:
    assert came(ago(-90)) == Times(NOW, NOW, 0.0, ahead=True)
    assert came(ago(-1)) == Times(NOW, NOW, 0.0, ahead=False)


def test_a_broker_whose_clock_is_ahead_makes_no_negative_lag() -> None:
    assert came(ago(5), ago(-5).isoformat()).lag_s == 0.0


def test_a_lag_is_at_most_a_day() -> None:
    assert came(ago(0), ago(10 * 86400).isoformat()).lag_s == 86400


def file(written: datetime | None, said: str | None = None, arrived: datetime | None = None) -> Times:
    payload = ObjectRecord.model_validate({"eventName": "ObjectCreated:Put", "eventTime": said, "s3": OBJECT})
    extensions = {} if arrived is None else {"knativearrivaltime": arrived.isoformat()}
    return times_of(Event("1", "aws:s3", "t", time=written, extensions=extensions), payload, NOW)


def test_a_file_s_labels_came_when_it_was_written() -> None:
    assert file(ago(20)) == Times(ago(20), NOW, 20.0, ahead=False)
    assert file(None, "2026-03-01T11:59:40Z") == file(ago(20))


def test_a_file_that_nobody_announced_for_long_is_no_sign_of_a_backlog() -> None:
    assert file(ago(7200), arrived=ago(5)).lag_s == 65
    assert file(ago(7200), arrived=ago(5)).received_at == ago(7200)


def test_a_label_may_come_two_seconds_before_its_prediction_since_files_have_whole_seconds() -> None:
    assert not is_before(ago(2), NOW)
    assert is_before(ago(2.1), NOW)
