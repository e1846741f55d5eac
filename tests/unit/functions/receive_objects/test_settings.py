"""The settings: defaults, and every mistake at once."""

from __future__ import annotations

import pytest

from eventing.environment import SettingsError
from functions.receive_objects.settings import Settings


def test_the_database_is_all_that_is_needed() -> None:
    found = Settings.from_env({"DATABASE_URL": "sqlite:///s.db"})
    assert found == Settings("sqlite:///s.db", ("raw", "feedback", "batch"), None)
    assert found == Settings("sqlite:///s.db")


def test_buckets_are_a_list_each_watched_once() -> None:
    env = {"DATABASE_URL": "sqlite:///s.db", "BUCKETS": "raw, feedback,raw", "WEBHOOK_TOKEN": "t" * 16}
    assert Settings.from_env(env) == Settings("sqlite:///s.db", ("raw", "feedback"), "t" * 16)


def test_every_bad_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"BUCKETS": "raw,,Not A Bucket", "WEBHOOK_TOKEN": "a token with blanks"})
    for part in (
        "DATABASE_URL is not set",
        "'' is no bucket",
        "'Not A Bucket' is no",
        "WEBHOOK_TOKEN must be 16",
    ):
        assert part in str(caught.value)
