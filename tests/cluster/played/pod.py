"""The life of one pod on the played node."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cluster.played.api import Api, Missing, Refused
from cluster.played.contained import Contained
from cluster.played.container import Process, Root, places
from cluster.played.images import Images
from cluster.played.network import Network
from cluster.played.volumes import Contents, filled

Json = dict[str, Any]
LOOK_S = 0.1


class Pod(threading.Thread):
    """Runs a pod's containers until it is deleted or they have ended, and tells its status.

    Args:
        pod: as the API server has it, bound to this node.
        scratch: a folder on a file system in memory.
        logs: where each container's output goes.
        node: the node's address, which is also that of the DNS.
    """

    def __init__(
        self, api: Api, pod: Json, network: Network, images: Images, scratch: Path, logs: Path, node: str
    ) -> None:
        super().__init__(name=pod["metadata"]["name"], daemon=True)
        metadata = pod["metadata"]
        self._api, self._pod, self._network, self._images = api, pod, network, images
        self._node, self._logs = node, logs
        self._scratch = scratch / metadata["uid"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._contents = Contents(api, pod, network.address)
        self._ending = threading.Event()
        self._grace_s = 0.0
        self._told: Json = {}
        self._since: dict[str, tuple[str, str]] = {}
        self._began = _now()
        self._containers = [
            Contained(spec, network.address, partial(self._process, spec), self._restarts)
            for spec in pod["spec"]["containers"]
        ]

    def end(self, grace_s: float) -> None:
        """Have it end, gracefully within so many seconds."""
        self._grace_s = grace_s
        self._ending.set()

    def run(self) -> None:
        """Live."""
        self._network.make()
        try:
            while not self._ending.is_set() and not all(each.over for each in self._containers):
                for each in self._containers:
                    each.step()
                self._tell()
                self._ending.wait(LOOK_S)
            self._tell()
            self._ending.wait()
            self._stop()
            self._api.delete(
                self._path,
                {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod["metadata"]["uid"]}},
            )
        except Refused as problem:
            print(f"{self.name}: {problem}", flush=True)
        finally:
            for each in self._containers:
                if each.process is not None:
                    each.process.end(signal.SIGKILL)
                    each.process.popen.wait()
            self._network.remove()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _stop(self) -> None:
        """Ask all containers to end, at the same time, and wait for them while there is grace."""
        hooks = [
            threading.Thread(target=each.stop, args=(self._grace_s,), daemon=True)
            for each in self._containers
        ]
        for hook in hooks:
            hook.start()
        deadline = time.monotonic() + self._grace_s
        while time.monotonic() < deadline:
            if all(each.process is None or each.process.exit_code is not None for each in self._containers):
                break
            time.sleep(LOOK_S)
        for each in self._containers:
            if each.process is not None:
                each.process.end(signal.SIGKILL)

    def _process(self, spec: Json) -> Process:
        command, given = self._images.entry_point(spec["image"])
        variables = self._contents.variables(spec, {**given, **self._services()})
        asked = spec.get("command", command)
        same = Path(asked[0]).name == Path(command[0]).name
        command = [command[0], *asked[1:]] if same else asked
        words = [filled(each, variables) for each in [*command, *spec.get("args", [])]]
        folder = self._scratch / spec["name"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        root = Root(folder, [*places(), self._images.project, self._images.programs])
        script = root.script(self._mounts(spec), self._resolver(), words)
        metadata = self._pod["metadata"]
        log = self._logs / f"{metadata['namespace']}_{metadata['name']}_{spec['name']}.log"
        return Process.start(self._network.name, script, variables, log)

    def _mounts(self, spec: Json) -> dict[str, Path]:
        volumes = {each["name"]: each for each in self._pod["spec"].get("volumes", [])}
        found = {}
        for mount in spec.get("volumeMounts", []):
            folder = self._scratch / "volumes" / mount["name"]
            if not folder.exists():
                self._contents.lay_down(volumes[mount["name"]], folder)
            # /var/run is a link to /run: unresolved it would lead out of the root.
            found[os.path.realpath(mount["mountPath"])] = folder / mount.get("subPath", "")
        return found

    def _resolver(self) -> str:
        namespace = self._pod["metadata"]["namespace"]
        search = f"{namespace}.svc.cluster.local svc.cluster.local cluster.local"
        return f"nameserver {self._node}\nsearch {search}\noptions ndots:5\n"

    def _services(self) -> dict[str, str]:
        return {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    def _restarts(self, code: int) -> bool:
        policy = self._pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def _tell(self) -> None:
        """Write the status, if it is another than before."""
        status = self._status()
        if status == self._told:
            return
        try:
            self._api.patch(f"{self._path}/status", {"status": status})
            self._told = status
        except Missing:
            return

    def _status(self) -> Json:
        over = all(each.over for each in self._containers)
        failed = over and any(each.code for each in self._containers)
        running = any(each.process is not None or each.code is not None for each in self._containers)
        phase = "Failed" if failed else "Succeeded" if over else "Running" if running else "Pending"
        ready = all(each.ready for each in self._containers)
        holding = {
            "Initialized": True,
            "PodReadyToStartContainers": True,
            "ContainersReady": ready,
            "Ready": ready,
        }
        return {
            "phase": phase,
            "hostIP": self._node,
            "podIP": self._network.address,
            "podIPs": [{"ip": self._network.address}],
            "startTime": self._began,
            "conditions": [
                self._condition("PodScheduled", True),
                *(self._condition(name, holds) for name, holds in holding.items()),
            ],
            "containerStatuses": [each.status() for each in self._containers],
        }

    def _condition(self, name: str, holds: bool) -> Json:
        status = "True" if holds else "False"
        if self._since.get(name, ("", ""))[0] != status:
            self._since[name] = (status, _now())
        return {"type": name, "status": status, "lastTransitionTime": self._since[name][1]}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
