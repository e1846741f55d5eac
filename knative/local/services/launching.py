"""Starting the processes of a revision: port, environment, command, log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from eventing.callers import KEY_HEADER, KEY_VARIABLE
from knative.local.processes.child import Child
from knative.local.processes.environment import bound_environment, expand_arguments, inherited
from knative.local.processes.logs import last_lines
from knative.local.processes.ports import LOOPBACK, free_port
from knative.local.processes.probing import until_ready, watch_readiness
from knative.local.processes.workplace import Workplace
from knative.local.resources.kinds import Json
from knative.local.resources.store import Store
from knative.local.services.plan import Plan, Probe


class RunningReplica:
    """A process of a revision, listening on `port` once it is ready, for those who show `key`."""

    def __init__(self, child: Child, port: int, key: str, probe: Probe) -> None:
        self.port, self.key = port, key
        self._child = child
        shown = (*probe.headers, (KEY_HEADER, key))
        self._probe = replace(probe, headers=shown)

    async def ready(self, awaited: Callable[[], bool]) -> None:
        await until_ready(self._probe, self.port, awaited)

    async def watch(self, awaited: Callable[[], bool], on_change: Callable[[bool], None]) -> None:
        await watch_readiness(self._probe, self.port, awaited, on_change)

    async def wait(self) -> int:
        return await self._child.wait()

    async def stop(self, grace_s: float) -> int:
        return await self._child.stop(grace_s)


class RevisionLauncher:
    """Starts processes of one revision as its template says."""

    def __init__(
        self,
        revision: Json,
        plan: Plan,
        store: Store,
        workplace: Workplace,
        bindings: Callable[[Json], dict[str, str]],
    ) -> None:
        self._revision = revision
        self._plan = plan
        self._store = store
        self._workplace = workplace
        self._bindings = bindings
        metadata = revision["metadata"]
        self._log = workplace.log(metadata["namespace"], metadata["name"])

    async def launch(self) -> RunningReplica:
        """Start one process.

        Raises:
            CannotStart: there is no such program, or a ConfigMap or Secret it needs does not exist.
            OSError: no port is free.
            ValueError: a Secret it needs is no text.
        """
        port, key = free_port(), secrets.token_urlsafe(24)
        env = self._environment(port, key)
        argv = expand_arguments(self._plan.command.argv, env)
        child = await Child.start(argv, env=env, log=self._log, folder=self._plan.command.folder)
        return RunningReplica(child, port, key, self._plan.probe)

    def last_lines(self) -> str:
        """Return the last lines the revision's processes wrote."""
        return last_lines(self._log)

    def _environment(self, port: int, key: str) -> dict[str, str]:
        metadata = self._revision["metadata"]
        service = metadata["labels"]["serving.knative.dev/service"]
        container = self._revision["spec"]["containers"][0]
        bound = self._bindings(self._revision)
        given = bound_environment(container, metadata["namespace"], metadata["name"], self._store, bound)
        ours = {
            "PORT": str(port),
            "HOST": LOOPBACK,
            KEY_VARIABLE: key,
            "K_SERVICE": service,
            "K_CONFIGURATION": service,
            "K_REVISION": metadata["name"],
            **self._workplace.marks,
        }
        return {**inherited(), **self._workplace.offered, **given, **ours}
