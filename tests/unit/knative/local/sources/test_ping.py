"""When a PingSource ticks, and what it sends."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from knative.local.resources.kinds import PING_SOURCE
from knative.local.resources.objects import Key
from knative.local.sources.ping import next_tick, ping, seconds_to_tick, source_of


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "due"),
    [
        ("*/5 * * * *", "UTC", "2026-01-01T00:01:02", "2026-01-01T00:05:00"),
        ("*/5 * * * * *", "UTC", "2026-01-01T00:01:02", "2026-01-01T00:01:05"),
        ("0 30 2 * * *", "Europe/Berlin", "2026-01-01T00:00:00", "2026-01-01T02:30:00"),
        ("@hourly", "UTC", "2026-01-01T00:01:02", "2026-01-01T01:00:00"),
    ],
)
def test_cron_lines_have_five_fields_or_six_with_seconds_first(
    schedule: str, zone: str, now: str, due: str
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(zone))
    assert next_tick(schedule, moment) == datetime.fromisoformat(due).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-10-24T13:00", 24), ("2026-03-28T13:00", 22), ("2026-07-01T13:00", 23)]
)
def test_a_daily_ping_keeps_its_hour_when_the_clocks_change(now: str, hours: int) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert seconds_to_tick("0 12 * * *", moment) == hours * 3600


def test_a_ping_carries_its_data_and_overrides() -> None:
    key = Key(PING_SOURCE, "ns", "tick")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    event = ping(key, {"dataBase64": base64.b64encode(b"\x00x").decode(), "contentType": "a/b"}, now)
    assert (event.data, event.datacontenttype, event.time) == (b"\x00x", "a/b", now)
    assert event.source == source_of(key) == "/apis/v1/namespaces/ns/pingsources/tick"
    assert ping(key, {"ceOverrides": {"extensions": {"a": "b"}}}, now).extensions == {"a": "b"}
    assert ping(key, {}, now).data is None
