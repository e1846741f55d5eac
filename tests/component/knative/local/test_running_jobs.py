"""Jobs of events, made again, or impossible to start: real processes, without the rest of the runtime."""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from knative.local.addresses import Addresses
from knative.local.jobs.runner import Jobs
from knative.local.jobs.sink import JobSinks
from knative.local.processes.workplace import Workplace
from knative.local.reconciling import Reconciler
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import JOB, JOB_SINK, SECRET, Json
from knative.local.resources.objects import Key
from knative.local.resources.store import Store

KEY = Key(JOB, "ns", "train")


class RunningJobs:
    """A store whose Jobs run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = Journal(folder / "objects.db")
        self.store = Store(self._journal)
        self.jobs = Jobs(self.store, Workplace(folder), lambda _: {})
        self._reconciler = Reconciler(self.store, {JOB: self.jobs.reconcile}, {})

    def create(self, script: str, **container: Any) -> None:
        made = {"name": "job", "image": "none", "command": ["sh", "-c", script], **container}
        pod = {"terminationGracePeriodSeconds": 1, "containers": [made]}
        self.store.create(
            KEY, {"metadata": {"name": KEY.name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
        )

    def wrote(self, name: str) -> bool:
        return (self.folder / name).exists()

    @property
    def status(self) -> Json:
        found: Json = self.store.get(KEY).get("status") or {}
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.jobs.close()
        self._reconciler.close()
        self._journal.close()


def in_a_world(test: Callable[[RunningJobs], Coroutine[None, None, None]]) -> Callable[[Path], None]:
    """Run a test in a world and an event loop of its own."""

    @functools.wraps(test)
    async def run(folder: Path) -> None:
        world = RunningJobs(folder)
        try:
            await test(world)
        finally:
            await world.close()

    def started(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path))

    started.__name__ = test.__name__
    return started


@in_a_world
async def test_an_event_is_on_disk_with_its_name_and_folders_before_its_job_is_made(
    world: RunningJobs,
) -> None:
    synced: list[tuple[int, list[str]]] = []
    sync = os.fsync

    def note(opened: int) -> None:
        names = os.listdir(opened) if stat.S_ISDIR(os.fstat(opened).st_mode) else []
        synced.append((os.fstat(opened).st_ino, names))
        sync(opened)

    template = {"spec": {"containers": [{"name": "a", "image": "none", "command": ["true"]}]}}
    spec = {"job": {"spec": {"template": template}}}
    world.store.create(Key(JOB_SINK, "ns", "work"), {"metadata": {"name": "work"}, "spec": spec})
    sinks = JobSinks(world.store, world.jobs, Addresses(80))
    told = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", note)
        status, job = await sinks.accept("ns", "work", told, b"")

    assert status == 202
    folder = world.folder / "jobs" / "ns" / job
    wanted = [(world.folder, "jobs"), (folder.parent.parent, "ns"), (folder.parent, job), (folder, "event")]
    for above, name in wanted:
        assert any(node == above.stat().st_ino and name in names for node, names in synced), name


@in_a_world
async def test_a_job_made_again_while_its_predecessor_ends_runs(world: RunningJobs) -> None:
    world.create(f"trap '' TERM; touch {world.folder}/first; sleep 30")
    await world.until(lambda: world.wrote("first"))
    world.store.delete(KEY)
    await asyncio.sleep(0.05)

    world.create("true")

    await world.until(lambda: world.status.get("succeeded"))


@in_a_world
async def test_a_job_replaced_at_once_does_not_go_on_as_its_predecessor(world: RunningJobs) -> None:
    world.create(f"touch {world.folder}/first; sleep 30")
    await world.until(lambda: world.wrote("first"))

    world.store.delete(KEY)
    world.create(f"touch {world.folder}/second")

    await world.until(lambda: world.status.get("succeeded"))
    assert world.wrote("second")


@in_a_world
async def test_a_job_deleted_twice_while_it_ends_keeps_its_grace_period(world: RunningJobs) -> None:
    world.create(
        f"trap 'sleep 0.3; touch {world.folder}/last; exit' TERM; touch {world.folder}/first; sleep 30 & wait"
    )
    await world.until(lambda: world.wrote("first"))
    for _ in range(2):
        world.store.delete(KEY)
        await asyncio.sleep(0.05)
        world.create("true")
        await asyncio.sleep(0.05)
    await world.until(lambda: world.status.get("succeeded"))
    assert world.wrote("last")


@in_a_world
async def test_a_job_whose_log_cannot_be_written_fails_and_says_so(world: RunningJobs) -> None:
    (world.folder / "logs" / "ns.train.log").mkdir(parents=True)
    world.create("true")
    await world.until(lambda: world.status.get("conditions"))
    assert (world.status["active"], world.status["failed"]) == (0, 1)
    assert "ns.train.log" in world.status["conditions"][0]["message"]


@in_a_world
async def test_a_job_that_needs_a_secret_which_is_no_text_fails_and_says_so(world: RunningJobs) -> None:
    binary = {"metadata": {"name": "s"}, "data": {"K": base64.b64encode(b"\xff").decode()}}
    world.store.create(Key(SECRET, "ns", "s"), binary | {"kind": "Secret"})
    world.create("true", envFrom=[{"secretRef": {"name": "s"}}])
    await world.until(lambda: world.status.get("conditions"))
    assert (world.status["active"], world.status["failed"]) == (0, 1)
    assert "can't decode" in world.status["conditions"][0]["message"]
