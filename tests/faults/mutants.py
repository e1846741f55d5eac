"""Defects that a broker could have. Each loses or withholds events in one way that some test must notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from knative.local.broker import pages, schema
from knative.local.broker.disk_guard import DiskGuard
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.log_file import LogFile
from knative.local.broker.subscription import Subscription

_LATE_S = 0.1
_kept: set[asyncio.Task[None]] = set()


def _later(delay_s: float, then: Callable[[], Any]) -> None:
    async def wait() -> None:
        await asyncio.sleep(delay_s)
        done = then()
        if asyncio.iscoroutine(done):
            await done

    task = asyncio.get_running_loop().create_task(wait())
    _kept.add(task)
    task.add_done_callback(_kept.discard)


def answers_before_it_stores() -> None:
    """The 202 is sent first, the event is stored a moment later."""
    store = BrokerEngine._store

    async def hasty(self: BrokerEngine, record: Any, matching: Any, finishes: Any) -> None:
        if finishes is not None:
            await store(self, record, matching, finishes)
        else:
            _later(_LATE_S, lambda: store(self, record, matching, finishes))

    BrokerEngine._store = hasty  # type: ignore[method-assign]


def retries_from_memory() -> None:
    """A retry is no longer in the log while it waits."""

    def retry(self: Subscription, lane: Any, item: Any, failure: Any) -> bool:
        self._tools.log.finish(lane.number, item.seq, shared=item.shared)
        item.attempts += 1
        _later(_LATE_S, lambda: self._deliver(item))
        return failure.retriable and item.attempts <= self.delivery.retry

    Subscription._retry = retry  # type: ignore[method-assign]


def publishes_replies_after_it_settles() -> None:
    """The delivery is finished before the reply to it is stored."""
    reply_to = Subscription._reply

    async def reply(self: Subscription, item: Any, reply: Any) -> None:
        self._tools.log.finish(self.lane.number, item.seq, shared=item.shared)
        _later(_LATE_S, lambda: reply_to(self, item, reply))

    Subscription._reply = reply  # type: ignore[method-assign, assignment]


def dead_letters_from_memory() -> None:
    """What is given up leaves the log before the dead letter sink has it."""

    def give_up(self: Subscription, item: Any, failure: Any) -> None:
        self._finish(self.lane, item)
        self.dead_lane.backlog += 1
        _later(_LATE_S, lambda: self._dead_letter(item))

    Subscription._give_up = give_up  # type: ignore[method-assign]


def never_forces_to_disk() -> None:
    """`synchronous = OFF`: what is written may never reach the disk."""
    LogFile.sync = lambda self, how: None  # type: ignore[method-assign]
    open_log = schema.open_log

    def open_loosely(path: Any, settings: Any) -> Any:
        connection = open_log(path, settings)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    LogFile.__init__.__globals__["open_log"] = open_loosely


def reads_a_damaged_page_for_ever() -> None:
    """Nothing is done about damage: whoever reads it tries again, and nobody hears of it."""
    LogFile.mends = lambda self, error: False  # type: ignore[method-assign]


def delivers_what_it_cannot_check() -> None:
    """An event whose bytes are not what was stored is delivered all the same."""
    pages.checksum = lambda headers, body: _Any()  # type: ignore[attr-defined, assignment]


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def ignores_that_the_clock_was_ahead() -> None:
    """A retry waits for the time that was written down, however far that is."""
    Subscription._waits = lambda self: []  # type: ignore[method-assign]


def says_that_it_took_what_found_no_space() -> None:
    """On a full disk the producer hears 202."""
    DiskGuard.admits = lambda self, size: True  # type: ignore[method-assign]
    publish = BrokerEngine._publish

    async def careless(self: BrokerEngine, *given: Any) -> str | None:
        try:
            return await publish(self, *given)
        except Exception:
            return None

    BrokerEngine._publish = careless  # type: ignore[method-assign]


def delivers_one_trigger_after_the_other() -> None:
    """A subscriber that does not answer keeps the others waiting."""
    alone = asyncio.Lock()
    deliver = Subscription._deliver

    async def in_turn(self: Subscription, item: Any) -> None:
        async with alone:
            await deliver(self, item)

    Subscription._deliver = in_turn  # type: ignore[method-assign]


def takes_an_id_for_the_event() -> None:
    """An event whose id was seen before is answered 202 and dropped, whatever its source is."""
    seen: set[str] = set()
    publish = BrokerEngine._publish

    async def once(self: BrokerEngine, namespace: str, broker: str, incoming: Any, finishes: Any) -> Any:
        if finishes is None and incoming.attributes["id"] in seen:
            return None
        seen.add(incoming.attributes["id"])
        return await publish(self, namespace, broker, incoming, finishes)

    BrokerEngine._publish = once  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        answers_before_it_stores,
        retries_from_memory,
        publishes_replies_after_it_settles,
        dead_letters_from_memory,
        never_forces_to_disk,
        reads_a_damaged_page_for_ever,
        delivers_what_it_cannot_check,
        ignores_that_the_clock_was_ahead,
        says_that_it_took_what_found_no_space,
        delivers_one_trigger_after_the_other,
        takes_an_id_for_the_event,
    )
}
