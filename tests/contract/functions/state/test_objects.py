"""The table of objects, on both databases: one recorder wins, and only what was recorded is marked."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from functions.state import objects
from functions.state.database import session_factory, transaction
from functions.state.objects import SeenObject

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
FIRST = SeenObject("raw", "churn/ü.csv", "A", 5_000_000_000, NOW, 1, False, LATER)
SECOND = replace(FIRST, etag="B", generation=2)


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


def write(sessions: sessionmaker[Session], version: SeenObject) -> bool:
    with transaction(sessions) as session:
        return objects.record(session, version)


def read(sessions: sessionmaker[Session]) -> SeenObject:
    with transaction(sessions, read_only=True) as session:
        assert objects.load(session, "another") == {}
        assert objects.load(session, FIRST.bucket) == objects.load(session, FIRST.bucket, FIRST.key)
        return objects.load(session, FIRST.bucket)[FIRST.key]


def test_a_version_is_read_as_it_was_recorded(sessions: sessionmaker[Session]) -> None:
    assert write(sessions, FIRST)
    assert read(sessions) == FIRST


@pytest.mark.parametrize("version", [FIRST, SECOND])
def test_of_many_who_record_the_same_change_one_does(
    sessions: sessionmaker[Session], version: SeenObject
) -> None:
    if version is SECOND:
        write(sessions, FIRST)
    start = threading.Barrier(6)
    recorded: list[bool] = []

    def race() -> None:
        start.wait()
        recorded.append(write(sessions, version))

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recorded) == [False] * 5 + [True]
    assert read(sessions) == version


def test_a_version_that_does_not_follow_the_recorded_one_is_refused(sessions: sessionmaker[Session]) -> None:
    assert write(sessions, FIRST)
    assert not write(sessions, replace(FIRST, etag="C"))
    assert not write(sessions, replace(FIRST, etag="C", generation=3))
    assert read(sessions) == FIRST


def test_a_claim_is_given_once_until_it_ends(sessions: sessionmaker[Session]) -> None:
    write(sessions, FIRST)
    with transaction(sessions) as session:
        assert objects.claim(session, FIRST, NOW, LATER) is None
        again = LATER + timedelta(seconds=30)
        assert objects.claim(session, FIRST, LATER, again) == replace(FIRST, claimed_until=again)
        assert objects.claim(session, FIRST, LATER, again) is None
        objects.release(session, [FIRST], LATER)
        assert objects.claim(session, FIRST, LATER, again) is not None


def test_marking_an_old_version_leaves_the_new_one_unsent(sessions: sessionmaker[Session]) -> None:
    write(sessions, FIRST)
    write(sessions, SECOND)
    with transaction(sessions) as session:
        objects.mark_sent(session, [FIRST])
    assert not read(sessions).sent
    with transaction(sessions) as session:
        objects.mark_sent(session, [SECOND])
        assert objects.claim(session, SECOND, LATER, LATER) is None
    assert read(sessions).sent
