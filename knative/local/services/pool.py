"""The replicas of one revision: started on demand, given to requests, stopped when idle."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from operator import attrgetter
from typing import Any

from knative.local.errors import CannotStart, LocalError, NotServed
from knative.local.log import info, warn
from knative.local.services.plan import Plan
from knative.local.services.replicas import Failure, Launcher, Replica, Running

_QUEUE_LIMIT = 10_000
_GIVE_UP_AFTER = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_IN_FLIGHT = attrgetter("in_flight")


class Pool:
    """Keeps as many replicas of a revision as requests ask for, within its scale."""

    def __init__(self, name: str, plan: Plan, launcher: Launcher, on_change: Callable[[], None]) -> None:
        self.name = name
        self.plan = plan
        self.replicas: list[Replica] = []
        self.proved = False
        self.failure: Failure | None = None
        self.reachable = False
        self._launcher = launcher
        self._on_change = on_change
        self._waiting: deque[asyncio.Future[Replica]] = deque()
        self._initial = 0
        self._prove_until = 0.0
        self._crashes = 0
        self._not_before = 0.0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._closers: set[asyncio.Task[None]] = set()

    def prove(self) -> None:
        """Start the initial replicas, to learn whether the revision can become ready at all."""
        if not self._initial:
            self._initial = max(1, self.plan.initial_scale)
            self._prove_until = time.monotonic() + self.plan.progress_deadline_s
        self.scale()

    def try_acquire(self) -> Replica | None:
        """Take the least busy ready replica that has room; None when none has."""
        limit = self.plan.concurrency or math.inf
        free = [replica for replica in self.replicas if replica.ready and replica.in_flight < limit]
        if not free:
            return None
        best = min(free, key=_IN_FLIGHT)
        best.in_flight += 1
        if self.in_flight > len(self._active()) * self.plan.target:
            self.scale()
        return best

    async def acquire(self, timeout_s: float | None = None) -> Replica:
        """Return a replica for one request, waiting for room or for a process; `release` it afterwards.

        Raises:
            NotServed: none became free in time, none can be started, or the queue is full.
        """
        replica = None if self._waiting else self.try_acquire()
        if replica is not None:
            return replica
        self._refuse_if_hopeless()
        ticket: asyncio.Future[Replica] = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        self.scale()
        try:
            await asyncio.wait({ticket}, timeout=timeout_s or self.plan.timeout_s)
            if not ticket.done():
                raise NotServed(504, f"{self.name}: no replica was free in time")
            return ticket.result()
        except asyncio.CancelledError:
            if ticket.done() and ticket.exception() is None:
                self.release(ticket.result())
            raise
        finally:
            if ticket in self._waiting:
                self._waiting.remove(ticket)

    def release(self, replica: Replica) -> None:
        """Give back a replica after a request."""
        replica.in_flight -= 1
        replica.idle_since = time.monotonic()
        if replica.draining and replica.in_flight == 0:
            replica.empty.set()
        if self._waiting:
            self._hand_out()

    def forget(self, replica: Replica) -> None:
        """Send no new requests to a replica that does not answer; it is replaced."""
        if replica.ready and not replica.draining:
            self._retire(replica)
            self.scale()

    @property
    def in_flight(self) -> int:
        """How many requests the replicas have in hand."""
        return sum(replica.in_flight for replica in self.replicas)

    @property
    def ready_replicas(self) -> int:
        """How many replicas take requests."""
        return sum(replica.ready for replica in self.replicas)

    def scale(self) -> None:
        """Start replicas until there are as many as the demand asks for."""
        if self._closing:
            return
        demand = self.in_flight + len(self._waiting)
        want = min(max(math.ceil(demand / self.plan.target), self._floor()), self.plan.max_scale)
        while len(self._active()) < want and time.monotonic() >= self._not_before:
            replica = Replica(idle_since=time.monotonic())
            self.replicas.append(replica)
            replica.task = self._spawn(self._run(replica))
            info("service scaled", revision=self.name, replicas=len(self._active()))

    def tick(self) -> None:
        """Stop replicas that were idle for the window; start what is missing. Call it now and then."""
        now = time.monotonic()
        floor = self._floor()
        for replica in self._active():
            since_s = now - replica.idle_since
            idle = replica.was_ready and replica.in_flight == 0 and since_s >= self.plan.idle_s
            if idle and not self._waiting and len(self._active()) > floor:
                self._retire(replica)
                info("service scaled", revision=self.name, replicas=len(self._active()))
        self.scale()

    def recycle(self) -> None:
        """Replace every replica by a new one, e.g. because its environment changed."""
        for replica in self._active():
            self._retire(replica)
        self.scale()

    def dismiss(self, done: Callable[[Pool], object]) -> None:
        """Begin to close; call `done` with this pool once nothing of it is left."""
        self._closing = True
        task = asyncio.ensure_future(self.close())
        self._closers.add(task)
        task.add_done_callback(self._closers.discard)
        task.add_done_callback(lambda _: done(self))

    async def close(self) -> None:
        """Stop every replica, letting requests in hand end; waiting ones are refused."""
        self._closing = True
        self._fail_waiting(NotServed(503, f"{self.name} is going away", going=True))
        for replica in list(self.replicas):
            self._retire(replica)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _active(self) -> list[Replica]:
        return [replica for replica in self.replicas if not replica.draining]

    def _floor(self) -> int:
        lowest = self.plan.min_scale if self.reachable else 0
        proving = not self.proved and time.monotonic() < self._prove_until
        return max(lowest, self._initial) if proving else lowest

    def _refuse_if_hopeless(self) -> None:
        if self._closing:
            raise NotServed(503, f"{self.name} is going away", going=True)
        if len(self._waiting) >= _QUEUE_LIMIT:
            raise NotServed(503, f"{self.name}: too many requests are waiting")
        if self.failure is not None and time.monotonic() < self._not_before and not self.ready_replicas:
            raise NotServed(503, f"{self.name} cannot start: {self.failure.message}")

    def _hand_out(self) -> None:
        while self._waiting:
            replica = self.try_acquire()
            if replica is None:
                return
            self._waiting.popleft().set_result(replica)

    def _fail_waiting(self, error: LocalError) -> None:
        while self._waiting:
            self._waiting.popleft().set_exception(error)

    async def _run(self, replica: Replica) -> None:
        running: Running | None = None
        try:
            running = replica.running = await self._launch()
            replica.port, replica.key = running.port, running.key
            if replica.draining:
                await running.stop(0)
            ended = asyncio.ensure_future(running.wait())
            try:
                await self._become_ready(replica, running, ended)
                code = await self._until_ended(replica, running, ended)
            finally:
                ended.cancel()
            if not replica.draining:
                self._crashed("Exited", f"exit code {code}")
        except CannotStart as error:
            self._crashed("CannotStart", str(error), final=True)
        except TimeoutError:
            if running is not None:
                await running.stop(0)
            why = f"not ready within {self.plan.progress_deadline_s:g} s"
            self._crashed("ProgressDeadlineExceeded", why, final=True)
        finally:
            replica.ready = False
            self.replicas.remove(replica)
            replica.empty.set()
        self._on_change()

    async def _launch(self) -> Running:
        try:
            return await self._launcher.launch()
        except (OSError, ValueError) as error:  # e.g. no file may be opened, or a Secret is no text
            raise CannotStart(str(error)) from error

    async def _become_ready(self, replica: Replica, running: Running, ended: asyncio.Future[int]) -> None:
        began = time.monotonic()
        ready = asyncio.ensure_future(running.ready(self._is_awaited))
        try:
            async with asyncio.timeout(self.plan.progress_deadline_s):
                both: set[asyncio.Future[Any]] = {ready, ended}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if ended.done() or replica.draining:
            return
        replica.ready = replica.was_ready = True
        replica.idle_since = time.monotonic()
        self.proved, self.failure, self._crashes, self._not_before = True, None, 0, 0.0
        seconds = round(time.monotonic() - began, 2)
        info("revision ready", revision=self.name, port=replica.port, seconds=seconds)
        self._hand_out()
        self._on_change()

    async def _until_ended(self, replica: Replica, running: Running, ended: asyncio.Future[int]) -> int:
        """Return the exit code of a process; while it runs it gets requests only when it is ready."""
        watching = asyncio.ensure_future(running.watch(self._is_awaited, partial(self._probed, replica)))
        try:
            return await ended
        finally:
            watching.cancel()

    def _is_awaited(self) -> bool:
        return bool(self._waiting)

    def _probed(self, replica: Replica, ready: bool) -> None:
        if replica.draining:
            return
        replica.ready = ready
        if ready:
            info("process ready again", revision=self.name, port=replica.port)
            self._hand_out()
        else:
            warn("process not ready any more", revision=self.name, port=replica.port)

    def _crashed(self, reason: str, message: str, *, final: bool = False) -> None:
        self._crashes += 1
        wait_s = min(_FIRST_WAIT_S * 2 ** (self._crashes - 1), _LONGEST_WAIT_S)
        self._not_before = time.monotonic() + wait_s
        tail = self._launcher.last_lines()
        warn("process ended", revision=self.name, reason=reason, message=message, again_in_s=wait_s)
        if final or self._crashes >= _GIVE_UP_AFTER:
            self.failure = Failure(reason, f"{message}; it last wrote:\n{tail}" if tail else message)
            self._fail_waiting(NotServed(503, f"{self.name} cannot start: {self.failure.message}"))
        asyncio.get_running_loop().call_later(wait_s, self.scale)

    def _retire(self, replica: Replica) -> None:
        if replica.draining:
            return
        replica.draining, replica.ready = True, False
        if replica.in_flight == 0:
            replica.empty.set()
        self._spawn(self._drain(replica))

    async def _drain(self, replica: Replica) -> None:
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                await replica.empty.wait()
        except TimeoutError:
            warn("requests cut off", revision=self.name, in_flight=replica.in_flight)
        if replica.running is not None:
            await replica.running.stop(self.plan.grace_s)
        if replica.task is not None:
            await asyncio.gather(replica.task, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
