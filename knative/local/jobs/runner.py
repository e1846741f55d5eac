"""Running Jobs: one process a try, until one succeeds or the tries are used up."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from knative.local.errors import CannotStart
from knative.local.log import info, warn
from knative.local.processes.child import Child
from knative.local.processes.environment import bound_environment, expand_arguments, inherited
from knative.local.processes.logs import last_lines
from knative.local.processes.workplace import Workplace
from knative.local.resources.kinds import Json
from knative.local.resources.objects import Key, condition, conditions_of, stamp, status_of
from knative.local.resources.store import Store
from knative.local.services.plan import command_of

_DEFAULT_TRIES_MORE = 6
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_GRACE_S = 10.0
# Whoever waits for an answer comes first.
_NICENESS = 10


class Jobs:
    """Runs every Job of the store that has not finished, at most `limit` at once.

    What a crash of the runtime interrupts runs again, and does not count as a failed try.
    """

    def __init__(
        self,
        store: Store,
        workplace: Workplace,
        bindings: Callable[[Json], dict[str, str]],
        *,
        limit: int = 2,
    ) -> None:
        self._store = store
        self._workplace = workplace
        self._bindings = bindings
        self._slots = asyncio.Semaphore(limit)
        self._running: dict[Key, tuple[str, asyncio.Task[None]]] = {}
        self._closing = False

    def reconcile(self, key: Key) -> None:
        """Start the Job at `key` if it is to run, end it if it was deleted, delete it in the end."""
        job = self._store.find(key)
        uid, task = self._running.get(key, ("", None))
        # One that is ending already is given its time.
        if task is not None and not task.cancelling() and (job is None or job["metadata"]["uid"] != uid):
            task.cancel()
        if job is None:
            shutil.rmtree(self.folder(key), ignore_errors=True)
        elif finished(job):
            self._expire(key, job)
        elif task is None and not self._closing:
            uid = job["metadata"]["uid"]
            task = asyncio.ensure_future(self._run(key, uid))
            self._running[key] = (uid, task)
            task.add_done_callback(partial(self._ended, key))

    def folder(self, key: Key) -> Path:
        """Return where the Job's own files are."""
        return self._workplace.job_folder(key.namespace, key.name)

    async def close(self) -> None:
        """End the Jobs that run; the next runtime on this state folder runs them again."""
        self._closing = True
        running = [task for _, task in self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, key: Key, task: asyncio.Task[None]) -> None:
        del self._running[key]
        broken = None if task.cancelled() else task.exception()
        if broken is not None:
            warn("job broke", job=key.name, why=f"{type(broken).__name__}: {broken}")
        job = self._store.find(key)
        if job is None or finished(job) or self._closing:
            return
        # It was made again while its predecessor ended.
        wait_s = _LONGEST_WAIT_S if broken else 0.0
        asyncio.get_running_loop().call_later(wait_s, self.reconcile, key)

    async def _run(self, key: Key, uid: str) -> None:
        async with self._slots:
            job = self._store.find(key)
            if job is None or job["metadata"]["uid"] != uid:
                return
            self._change(key, startTime=status_of(job).get("startTime") or stamp(), active=1)
            info("job started", job=key.name, namespace=key.namespace)
            began = time.monotonic()
            limit_s = job["spec"].get("activeDeadlineSeconds")
            try:
                async with asyncio.timeout(limit_s):
                    await self._try_until_done(key, job, began)
            except TimeoutError:
                self._fail(key, "DeadlineExceeded", f"Job was active longer than {limit_s} s", began)

    async def _try_until_done(self, key: Key, job: Json, began: float) -> None:
        more = job["spec"].get("backoffLimit")
        more = _DEFAULT_TRIES_MORE if more is None else more
        failed = int(status_of(job).get("failed") or 0)
        why = ""
        while failed <= more:
            try:
                code, why = await self._try(key, job), ""
            except (CannotStart, OSError, ValueError) as error:  # e.g. a Secret that is no text
                code, why = -1, f": {error}"
                warn("job cannot start", job=key.name, why=str(error))
            if code == 0:
                self._finish(
                    key, "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
                )
                info("job finished", job=key.name, seconds=round(time.monotonic() - began, 1))
                return
            failed += 1
            self._change(key, failed=failed)
            wait_s = min(_FIRST_WAIT_S * 2 ** (failed - 1), _LONGEST_WAIT_S)
            warn("job failed a try", job=key.name, exit_code=code, failed=failed, of=more + 1)
            if failed <= more:
                await asyncio.sleep(wait_s)
        message = f"Job has reached the specified backoff limit{why}"
        self._fail(key, "BackoffLimitExceeded", message, began)

    async def _try(self, key: Key, job: Json) -> int:
        spec = job["spec"]["template"]["spec"]
        container = spec["containers"][0]
        command = command_of(container)
        given = bound_environment(container, key.namespace, key.name, self._store, self._bindings(job))
        env = {**inherited(), **self._workplace.offered, **given, **self._workplace.marks}
        argv = expand_arguments(command.argv, env)
        child = await Child.start(
            argv, env=env, log=self._log(key), folder=command.folder, niceness=_NICENESS
        )
        try:
            return await child.wait()
        except asyncio.CancelledError:
            await child.stop(spec.get("terminationGracePeriodSeconds") or _GRACE_S)
            raise

    def _log(self, key: Key) -> Path:
        return self._workplace.log(key.namespace, key.name)

    def _change(self, key: Key, **fields: object) -> None:
        job = self._store.find(key)
        if job is not None:
            self._store.set_status(key, {**status_of(job), **fields})

    def _finish(self, key: Key, type_: str, reason: str, message: str) -> None:
        fields: Json = {"conditions": [condition(type_, True, reason, message)], "active": 0}
        if type_ == "Complete":
            fields |= {"succeeded": 1, "completionTime": stamp()}
        self._change(key, **fields)

    def _fail(self, key: Key, reason: str, message: str, began: float) -> None:
        tail = last_lines(self._log(key))
        self._finish(key, "Failed", reason, f"{message}; it last wrote:\n{tail}" if tail else message)
        warn("job failed", job=key.name, reason=reason, seconds=round(time.monotonic() - began, 1))

    def _expire(self, key: Key, job: Json) -> None:
        keep_s = job["spec"].get("ttlSecondsAfterFinished")
        if keep_s is None:
            return
        ended = datetime.fromisoformat(job["status"]["conditions"][0]["lastTransitionTime"])
        left_s = keep_s - (datetime.now(UTC) - ended).total_seconds()
        uid = job["metadata"]["uid"]
        asyncio.get_running_loop().call_later(max(0.0, left_s), self._forget, key, uid)

    def _forget(self, key: Key, uid: str) -> None:
        job = self._store.find(key)
        if job is not None and job["metadata"]["uid"] == uid and not self._closing:
            self._store.delete(key)


def finished(job: Json) -> bool:
    """Tell whether a Job has succeeded or failed for good."""
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions_of(job))
