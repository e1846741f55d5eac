"""Several replicas of one function over one database, and a broker that delivers to all of them at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import Engine
from support.world import World

from eventing.codec import decode, to_binary
from eventing.event import Event
from eventing.testing import HandlingFailed, MemorySink
from functions.detect_drift import app as detect_drift
from functions.evaluate_model import app as evaluate_model
from functions.evaluate_model import settings as evaluate_model_settings
from functions.govern_training import app as govern_training
from functions.govern_training import settings as govern_training_settings
from functions.ingest_data import app as ingest_data
from functions.ingest_data import settings as ingest_data_settings
from functions.join_feedback import app as join_feedback
from functions.join_feedback import settings as join_feedback_settings
from functions.judge_rollout import app as judge_rollout
from functions.log_inferences import app as log_inferences
from functions.log_inferences import settings as log_inferences_settings
from functions.receive_objects import app as receive_objects
from functions.receive_objects import settings as receive_objects_settings
from functions.record_events import app as record_events
from functions.record_events import settings as record_events_settings
from functions.release_labels import app as release_labels
from functions.ring_timers import app as ring_timers
from functions.ring_timers import settings as ring_timers_settings
from functions.roll_out_model import app as roll_out_model
from functions.roll_out_model import settings as roll_out_model_settings
from functions.roll_out_model.memory_deployer import MemoryDeployer
from functions.state.database import make_engine
from functions.state.settings import Settings
from functions.state.tables import METADATA
from functions.watch_performance import app as watch_performance

PATIENCE_S = 60.0
NUMBERED = frozenset({"seq", "id"})
"""Columns that only count: a number that a lost race used up is missing, which says nothing."""


class Outside:
    """A world, what hears of it, and replicas that share them."""

    def __init__(self, url: str) -> None:
        """Take the address of a migrated database."""
        self.world = World(url)
        self.sink = MemorySink()
        self.deployer = MemoryDeployer()
        self._engines: list[Engine] = []

    def replica(self, function: str) -> Flask:
        """Build a function's application with connections of its own, as one more pod would."""
        return _BUILD[function](self)

    def engine(self) -> Engine:
        """Open the database once more."""
        opened = make_engine(self.world.url)
        self._engines.append(opened)
        return opened

    def close(self) -> None:
        """Close what was opened."""
        for engine in (self.world.engine, *self._engines):
            engine.dispose()

    def rows(self, *left_out: str) -> dict[str, list[str]]:
        """Return every table's rows, in an order and a form that do not depend on the database.

        Args:
            left_out: columns, given as `table.column`.
        """
        found = {}
        with self.world.engine.connect() as connection:
            for table in METADATA.sorted_tables:
                kept = [
                    c for c in table.c if c.name not in NUMBERED and f"{table.name}.{c.name}" not in left_out
                ]
                rows = [
                    dict(row._mapping) for row in connection.execute(table.select().with_only_columns(*kept))
                ]
                found[table.name] = sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)
        return {name: rows for name, rows in found.items() if rows}


def deliver(app: Flask, event: Event) -> list[Event]:
    """Deliver an event as a broker does: what is answered 503 comes again; return what is answered.

    Raises:
        HandlingFailed: it is answered anything else but 2xx, or 503 for ever.
    """
    headers, body = to_binary(event)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = app.test_client().post("/", data=body, headers=headers)
        if 200 <= answer.status_code < 300:
            return [decode(dict(answer.headers), answer.data)] if "ce-id" in answer.headers else []
        if answer.status_code != 503 or time.monotonic() > deadline:
            raise HandlingFailed(answer.status_code, answer.data)


def at_once(works: Sequence[Callable[[], Iterable[Event]]]) -> list[Event]:
    """Do all works in threads that begin together; return what all of them say."""
    together = threading.Barrier(len(works))

    def begin(work: Callable[[], Iterable[Event]]) -> list[Event]:
        together.wait(PATIENCE_S)
        return list(work())

    with ThreadPoolExecutor(len(works)) as pool:
        return [event for said in list(pool.map(begin, works)) for event in said]


def told(events: Iterable[Event], *left_out: str) -> dict[str, str]:
    """Return what events say by their id: the same id must say the same each time it is said."""
    found: dict[str, str] = {}
    for event in events:
        data = {k: v for k, v in event.data.items() if k not in left_out} if event.data else event.data
        says = json.dumps([event.type, event.subject, event.source, data], sort_keys=True)
        assert found.setdefault(event.id, says) == says
    return found


def _govern_training(o: Outside) -> Flask:
    settings = govern_training_settings.Settings(o.world.url, code_digest="0" * 64)
    return govern_training.create_app(settings, sink=o.sink, clock=o.world.clock)


def _evaluate_model(o: Outside) -> Flask:
    settings = evaluate_model_settings.Settings(o.world.url)
    return evaluate_model.create_app(settings, store=o.world.store, clock=o.world.clock)


def _roll_out_model(o: Outside) -> Flask:
    settings = roll_out_model_settings.Settings(o.world.url)
    return roll_out_model.create_app(settings, deployer=o.deployer, sink=o.sink, clock=o.world.clock)


def _record_events(o: Outside) -> Flask:
    settings = record_events_settings.Settings(o.world.url)
    return record_events.create_app(settings, sink=o.sink, clock=o.world.clock)


def _ring_timers(o: Outside) -> Flask:
    settings = ring_timers_settings.Settings(o.world.url)
    return ring_timers.create_app(settings, sink=o.sink, clock=o.world.clock)


def _receive_objects(o: Outside) -> Flask:
    return receive_objects.create_app(
        receive_objects_settings.Settings(o.world.url),
        store=o.world.store,
        sink=o.sink,
        clock=o.world.clock,
        monotonic_s=lambda: 0.0,
        later=lambda work: work(),
    )


def _log_inferences(o: Outside) -> Flask:
    settings = log_inferences_settings.Settings(o.world.url)
    return log_inferences.create_app(settings, store=o.world.store, engine=o.engine(), clock=o.world.clock)


def _join_feedback(o: Outside) -> Flask:
    settings = join_feedback_settings.Settings(o.world.url)
    return join_feedback.create_app(settings, store=o.world.store, engine=o.engine(), clock=o.world.clock)


def _watch_performance(o: Outside) -> Flask:
    settings = Settings(o.world.url)
    return watch_performance.create_app(settings, store=o.world.store, engine=o.engine(), clock=o.world.clock)


def _release_labels(o: Outside) -> Flask:
    settings = Settings(o.world.url)
    return release_labels.create_app(settings, store=o.world.store, engine=o.engine(), clock=o.world.clock)


def _judge_rollout(o: Outside) -> Flask:
    settings = Settings(o.world.url)
    return judge_rollout.create_app(settings, store=o.world.store, engine=o.engine(), clock=o.world.clock)


def _detect_drift(o: Outside) -> Flask:
    settings = Settings(o.world.url)
    return detect_drift.create_app(
        settings, store=o.world.store, engine=o.engine(), sink=o.sink, clock=o.world.clock
    )


def _ingest_data(o: Outside) -> Flask:
    settings = ingest_data_settings.Settings(o.world.url)
    return ingest_data.create_app(
        settings, store=o.world.store, engine=o.engine(), sink=o.sink, clock=o.world.clock
    )


_BUILD: dict[str, Callable[[Outside], Flask]] = {
    "detect_drift": _detect_drift,
    "evaluate_model": _evaluate_model,
    "govern_training": _govern_training,
    "ingest_data": _ingest_data,
    "join_feedback": _join_feedback,
    "judge_rollout": _judge_rollout,
    "log_inferences": _log_inferences,
    "receive_objects": _receive_objects,
    "record_events": _record_events,
    "release_labels": _release_labels,
    "ring_timers": _ring_timers,
    "roll_out_model": _roll_out_model,
    "watch_performance": _watch_performance,
}
FUNCTIONS = tuple(_BUILD)
