"""What the functions keep behaves the same on SQLite and PostgreSQL, also when many come at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, sessionmaker
from support.completions import completed_training

from eventing import catalogue as kinds
from eventing.event import Event, originate
from functions.govern_training.handler import Handler
from functions.govern_training.records import spec_in_force
from functions.govern_training.settings import Settings
from functions.state import dead_letters, ledger, specs, versions
from functions.state.database import session_factory, transaction
from functions.state.governor import lock_model
from functions.state.runs import TrainingRun
from functions.state.stored_event import load_event
from functions.state.versions import Fact, champion, champion_of, record_fact

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = kinds.Claim(uri="s3://datasets/churn/x", sha256="0" * 64)


@pytest.fixture
def factory(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


def together(work: Callable[[int], None], count: int) -> None:
    """Run `work` in threads that begin at the same time; a failure of one is a failure."""
    failed: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(30)
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_fifty_drops_at_once_start_exactly_one_run(database: str, factory: sessionmaker[Session]) -> None:
    text = "model: churn\ntarget: y\nretrain: {debounce: 0s}\n"
    with transaction(factory) as session:
        specs.add_spec(
            session, "churn", claim=CLAIM, digest="0" * 64, text=text, key="k", etag=None, now=NOON
        )
    handler = Handler(Settings(database), factory, spec_in_force, lambda: NOON, "0" * 64)
    said: list[Event] = []

    def deliver(number: int) -> None:
        for part in range(1 + number, 51, 8):
            payload = kinds.DatasetIngested(
                model="churn",
                part=CLAIM,
                profile=CLAIM,
                spec=CLAIM,
                data_schema=CLAIM,
                key="k",
                dataset=kinds.Claim(uri="s3://d/k", sha256=f"{part:064x}"),
                rows=1000,
                total_rows=1000 * part,
                parts=part,
            )
            said.extend(handler(originate("t", "/s", "churn", {}, id_=f"{part}", now=NOON), payload))

    together(deliver, 8)
    assert [event.type for event in said].count(kinds.TrainingApproved.type) == 1
    with transaction(factory, read_only=True) as session:
        assert len(session.scalars(select(TrainingRun)).all()) == 1


def test_the_ledger_keeps_each_event_once_and_in_order(factory: sessionmaker[Session]) -> None:
    def write(number: int) -> None:
        for index in range(20):
            with transaction(factory) as session:
                ledger.append(session, originate("t", "/s", "churn", {}, id_=f"{index}"), NOON)
                ledger.append(session, originate("t", f"/s{number}", "churn", {}, id_=f"{index}"), NOON)

    together(write, 4)
    with transaction(factory, read_only=True) as session:
        found = ledger.find_events(session, limit=1000)
    assert len(found) == 20 + 4 * 20
    assert [row.seq for row in found] == sorted(row.seq for row in found)


def test_a_reader_who_asks_for_what_came_after_misses_nothing(factory: sessionmaker[Session]) -> None:
    done = threading.Event()
    seen: list[str] = []

    def work(number: int) -> None:
        if number > 0:
            for index in range(30):
                with transaction(factory) as session:
                    ledger.append(
                        session, originate("t", f"/s{number}", "x", {}, id_=f"{number}-{index}"), NOON
                    )
            return
        after = 0
        while len(seen) < 90 and not done.wait(0.001):
            with transaction(factory, read_only=True) as session:
                rows = ledger.find_events(session, after=after, limit=10)
            seen.extend(row.event_id for row in rows)
            after = rows[-1].seq if rows else after

    timer = threading.Timer(60, done.set)
    timer.start()
    together(work, 4)
    timer.cancel()
    assert len(seen) == len(set(seen)) == 90


def test_any_text_is_kept_and_found(factory: sessionmaker[Session]) -> None:
    odd = Event("n\x00ul", "/\ud800", "100%_t\\", "a_b%", NOON, data={"text": "\x00 \ud800 \u2028"})
    with transaction(factory) as session:
        assert ledger.append(session, odd, NOON)
        assert not ledger.append(session, odd, NOON)
        ledger.append(session, originate("100xyt", "/s", "axbc/d", {}), NOON)
    with transaction(factory, read_only=True) as session:
        (row,) = ledger.find_events(session, type_="100%_*")
        assert load_event(row.event) == odd
        assert len(ledger.find_events(session, subject="a_b%")) == 1
        assert len(ledger.find_events(session, subject="axbc")) == 1
        assert len(ledger.find_events(session, subject="a*")) == 2


def test_a_dead_letter_is_kept_once_however_many_deliver_it(factory: sessionmaker[Session]) -> None:
    def keep(_: int) -> None:
        with transaction(factory) as session:
            dead_letters.keep(
                session,
                source="/s",
                event_id="1",
                type_="t",
                subject=None,
                destination="d",
                code=500,
                error="e\x00",
                event="{}",
                now=NOON,
            )

    together(keep, 4)
    with transaction(factory, read_only=True) as session:
        (row,) = dead_letters.find_letters(session, after=0, waiting_only=True, limit=10)
    assert (row.deaths, row.error) == (1, "e\ufffd")


def test_versions_and_facts_are_recorded_once(factory: sessionmaker[Session]) -> None:
    def register(_: int) -> None:
        with transaction(factory) as session:
            versions.register(session, completed_training(1, metrics={"auc": 0.9}), "e1", NOON)
            record_fact(session, "churn", 1, Fact.PROMOTED, "e2", NOON)

    together(register, 4)
    with transaction(factory, read_only=True) as session:
        assert [fact.fact for fact in versions.facts_of(session, "churn", 1)] == ["registered", "promoted"]
        assert champion(session, "churn") == 1
        assert champion(session, "other") is None
        row = versions.get_version(session, "churn", 1)
    assert row is not None
    assert (row.candidate, row.metrics) == (completed_training(1).candidate, {"auc": 0.9})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], None),
        ([(1, Fact.REGISTERED), (1, Fact.APPROVED), (1, Fact.DEPLOYED)], None),
        ([(1, Fact.PROMOTED), (2, Fact.PROMOTED)], 2),
        ([(1, Fact.PROMOTED), (2, Fact.DEPLOYED), (2, Fact.ROLLED_BACK)], 1),
        ([(1, Fact.PROMOTED), (2, Fact.PROMOTED), (2, Fact.ROLLED_BACK)], 1),
        ([(1, Fact.PROMOTED), (2, Fact.PROMOTED), (1, Fact.PROMOTED), (1, Fact.ROLLED_BACK)], 2),
        ([(1, Fact.PROMOTED), (1, Fact.ROLLED_BACK)], None),
        ([(1, Fact.PROMOTED), (2, Fact.INCONCLUSIVE), (3, Fact.REJECTED)], 1),
        ([(1, Fact.PROMOTED), (2, Fact.PROMOTED), (2, Fact.RETIRED)], None),
        ([(1, Fact.PROMOTED), (2, Fact.PROMOTED), (2, Fact.RETIRED), (3, Fact.ROLLED_BACK)], None),
        ([(1, Fact.PROMOTED), (2, Fact.RETIRED), (1, Fact.PROMOTED), (3, Fact.PROMOTED)], 3),
        ([(1, Fact.PROMOTED), (1, Fact.RETIRED), (2, Fact.PROMOTED), (2, Fact.ROLLED_BACK)], None),
    ],
)
def test_the_champion_follows_from_the_facts(facts: list[tuple[int, Fact]], expected: int | None) -> None:
    assert champion_of(facts) == expected


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite nobody else is at work meanwhile
def test_a_model_that_is_removed_while_another_waits_for_it_is_made_anew(
    factory: sessionmaker[Session],
) -> None:
    with transaction(factory) as session:
        lock_model(session, "churn")
    found: list[str] = []

    def wait() -> None:
        with transaction(factory) as session:
            found.append(lock_model(session, "churn").model)

    waiter = threading.Thread(target=wait)
    with transaction(factory) as session:
        row = lock_model(session, "churn")
        waiter.start()
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 60
        while not session.scalar(blocked):
            assert time.monotonic() < deadline, "nobody waits for the model"
        session.delete(row)
    waiter.join(60)
    assert found == ["churn"]
