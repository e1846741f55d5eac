"""One queue of deliveries: what is in memory, what is under way, and when to read more from the log."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from knative.local.broker.errors import LogUnavailable
from knative.local.broker.event import Record
from knative.local.broker.log import Log
from knative.local.broker.pages import Item, Page, read_page
from knative.local.broker.settings import BrokerSettings

_LOG = logging.getLogger(__name__)
_PAUSE_S = 0.5  # before a failed read is tried again
_WARN_EVERY_S = 60.0


class Lane:
    """Delivers what the log holds for one target, `concurrency` at once.

    While it keeps up, events come straight from the ingress, once they are stored. When it falls behind, it
    forgets them and reads them from the log, page by page, so its memory is bounded whatever the backlog.
    """

    def __init__(
        self,
        number: int,
        log: Log,
        settings: BrokerSettings,
        work: Callable[[Item], Awaitable[None]],
        clock: Callable[[], float],
        waits: Callable[[], Sequence[float]] = lambda: (),
    ) -> None:
        """Make a lane that delivers nothing until `start`.

        Args:
            number: of the lane in the log.
            log: which keeps the deliveries.
            settings: of the broker.
            work: delivers one item and notes in the log what came of it; never raises.
            clock: epoch seconds; it may jump.
            waits: the longest waits of the policy, see `read_page`.
        """
        self.number = number
        self.backlog = 0
        self._log = log
        self._settings = settings
        self._work = work
        self._clock = clock
        self._waits = waits
        self._queue: deque[Item] = deque()
        self._queued_bytes = 0
        self._held: set[int] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._cursor = 0
        self._behind = True
        self._reading = False
        self._released: set[int] = set()
        self._next_due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self._warn_again_at = 0.0

    def start(self) -> None:
        """Start delivering, with whatever the log holds."""
        self._open = True
        self._pump()

    async def stop(self, wait_s: float) -> None:
        """Start nothing more; wait for what is under way, then break it off: the log still has it."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=wait_s)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def offer(self, seq: int, record: Record, *, shared: bool) -> None:
        """Take a stored event, or leave it to the log if there is no space in memory."""
        if self._behind or not self._open:
            self._behind = True
            return
        if len(self._queue) >= self._settings.page_events or self._queued_bytes > self._settings.page_bytes:
            self._behind = True
            return
        self._cursor = seq
        self._hold(Item(seq, record, shared))
        self._pump()

    def expect(self, due: float) -> None:
        """Know that the log has a delivery for this lane at `due` (epoch seconds)."""
        if self._next_due is None or due < self._next_due:
            self._next_due = due
            self._arm()

    def _hold(self, item: Item) -> None:
        self._held.add(item.seq)
        self._queue.append(item)
        self._queued_bytes += len(item.record.body)

    def _pump(self) -> None:
        while self._open and self._queue and len(self._running) < self._settings.concurrency:
            item = self._queue.popleft()
            self._queued_bytes -= len(item.record.body)
            task = asyncio.get_running_loop().create_task(self._run(item))
            self._running.add(task)
            task.add_done_callback(self._finished)
        few = len(self._queue) < self._settings.page_events // 4
        if few and self._queued_bytes <= self._settings.page_bytes // 4 and self._open and not self._reading:
            self._read_more()

    async def _run(self, item: Item) -> None:
        try:
            await self._work(item)
        finally:
            self._held.discard(item.seq)
            if self._reading:
                self._released.add(item.seq)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a delivery broke; it stays in the log until the next start", "exception": error}
            )
        self._pump()

    def _read_more(self) -> None:
        now = self._clock()
        if not self._behind and not self._is_due(now):
            if self._timer is None:
                self._arm()  # it fired too early: the clock was set back meanwhile
            return
        self._reading = True
        self._next_due = None
        fresh = self._behind
        read = partial(
            read_page,
            lane=self.number,
            after=self._cursor,
            now=now,
            events=self._settings.page_events,
            fresh=fresh,
            held=frozenset(self._held),
            max_bytes=self._settings.page_bytes,
            waits=self._waits(),
        )
        # The log calls back in order: what is stored after this read is offered after its page is taken.
        self._log.read(read, partial(self._take_page, fresh))

    def _is_due(self, now: float) -> bool:
        """Say whether a retry is due: also one later than the longest wait, as the clock was ahead then."""
        return self._next_due is not None and (
            self._next_due <= now or self._wait(now) < self._next_due - now
        )

    def _wait(self, now: float) -> float:
        """Return the seconds to the next retry, at most the longest wait of the policy."""
        wait = max(0.0, (self._next_due or now) - now)
        longest = max(self._waits(), default=wait) + 1.0
        return min(wait, longest)

    def _take_page(self, fresh: bool, page: Page | LogUnavailable) -> None:
        self._reading = False
        released, self._released = self._released, set()
        if isinstance(page, LogUnavailable):
            self._behind = True
            self._warn_that_it_is_stuck(page)
            asyncio.get_running_loop().call_later(_PAUSE_S, self._pump)
            return
        for item in (*page.due, *page.fresh):
            if item.seq not in self._held and item.seq not in released:
                self._hold(item)
        if fresh:
            self._cursor = page.fresh[-1].seq if page.fresh else self._cursor
            self._behind = page.more_fresh
        if page.next_due is not None:
            self.expect(page.next_due)
        self._pump()

    def _warn_that_it_is_stuck(self, why: LogUnavailable) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._warn_again_at:
            self._warn_again_at = now + _WARN_EVERY_S
            _LOG.error("lane %d delivers nothing, its backlog cannot be read: %s", self.number, why)

    def _arm(self) -> None:
        """Set the timer to the next retry."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._next_due is not None and self._open:
            delay = self._wait(self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay + 0.001, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._pump()
