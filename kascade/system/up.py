"""`kascade up`: the object store and the local runtime, kept up together until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import yaml
from rich.console import Console
from rich.markup import escape

import knative
from eventing.store import S3Store
from kascade.system.additions import additions_of, api_object
from kascade.system.feast import feast_variables
from kascade.system.home import BUCKETS, NAMESPACE, Home, HomeError
from kascade.system.process import end_with_parent, free_port
from kascade.system.stores.embedded import EmbeddedStore
from kascade.system.stores.keeper import Keeper
from kascade.system.stores.minio import MinioStore, Webhook

MANIFESTS = Path(knative.__file__).with_name("overlays") / "local"
_READY_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 40
_RESTARTS_PER_MINUTE = 5
_TOKENS = "KASCADE_TOKENS"


@dataclass(frozen=True)
class Ports:
    """TCP ports on loopback; 0 means any free one."""

    gateway: int = 8080
    api: int = 8081
    store: int = 9000

    def resolved(self) -> Ports:
        """Return the same ports with each 0 replaced by one that is free now."""
        return Ports(*(port or free_port() for port in (self.gateway, self.api, self.store)))


class System:
    """One local system: a store process and a runtime process, started and ended together."""

    def __init__(
        self,
        home: Home,
        ports: Ports,
        *,
        store: str,
        manifests: list[Path],
        console: Console,
        allow_code: bool = False,
    ) -> None:
        self._home = home
        self._ports = ports.resolved()
        self._store_kind = store
        self._additions = additions_of(os.environ)
        brought = [file for each in self._additions for file in each.manifests]
        self._manifests = manifests or [MANIFESTS, *brought]
        self._console = console
        self._allow_code = allow_code
        self._stopping = threading.Event()
        self._runtime: subprocess.Popen[bytes] | None = None

    def run(self, on_ready: Callable[[Home], None]) -> int:
        """Start everything, call `on_ready`, and stay until stopped. Return the exit code.

        Raises:
            HomeError: a part did not start; the message says which, why and what to do.
        """
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._on_signal)
        os.umask(0o077)  # what the parts write is as private as the folder
        (self._home.path / "endpoints.json").unlink(missing_ok=True)
        with self._open_store() as store:
            self._home.remember_store(store.endpoint)
            self._make_buckets(store.env)
            self._write_config(store.env)
            keeper = Keeper(store, lambda text: self._console.print(f"[yellow]{escape(text)}[/]"))
            return self._supervise(on_ready, keeper)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _open_store(self) -> EmbeddedStore | MinioStore:
        keys = self._home.credentials()
        folder = self._home.path / "store"
        if self._store_kind != "minio":
            return EmbeddedStore(folder, self._ports.store, keys.access_key, keys.secret_key)
        store = MinioStore(folder, self._ports.store, keys.access_key, keys.secret_key)
        store.webhook = Webhook(
            f"http://127.0.0.1:{self._ports.gateway}/-/services/{NAMESPACE}/receive-objects/webhook",
            keys.webhook_token,
            self._home.path / "webhook-queue",
        )
        return store

    def _make_buckets(self, variables: Mapping[str, str]) -> None:
        store = S3Store.from_env({**os.environ, **variables})
        for bucket in BUCKETS:
            store.ensure_bucket(bucket)

    def _write_config(self, variables: Mapping[str, str]) -> None:
        """Write what a cluster's operator would create by hand, and where this machine's broker is."""
        gateway = f"http://127.0.0.1:{self._ports.gateway}"
        settings = {
            **variables,
            "KUBECONFIG": str(self._home.path / "kubeconfig"),
            "SERVICES_URL": f"{gateway}/-/services/{NAMESPACE}/{{}}",
            "CONSOLE_STEERING": "true",
            "CONSOLE_URL": f"{gateway}/-/services/{NAMESPACE}/console",
            "FEATURE_SERVER_URL": f"{gateway}/-/services/{NAMESPACE}/feature-server",
            "FEAST_FOLDER": str(self._home.path / "features"),
        }
        if self._allow_code:
            settings["ALLOW_CODE"] = "true"
        secret = {name: settings.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        secret["WEBHOOK_TOKEN"] = self._home.credentials().webhook_token
        database = f"sqlite:///{self._home.path / 'state.db'}"
        broker = f"{gateway}/{NAMESPACE}/default"
        objects = [
            api_object("ConfigMap", "broker", data={"K_SINK": broker, "SINK_TIMEOUT_S": "10"}),
            api_object("ConfigMap", "kascade", data=settings),
            api_object("Secret", "state", stringData={"DATABASE_URL": database}),
            api_object("Secret", "object-store", stringData=secret),
            *(dict(made) for each in self._additions for made in each.objects),
        ]
        self._home.write_private("config.yaml", yaml.safe_dump_all(objects))

    def _supervise(self, on_ready: Callable[[Home], None], keeper: Keeper) -> int:
        """Keep both up: a runtime that dies is started again, and finds its events on disk; so is a store."""
        starts: list[float] = []
        announced = False
        while not self._stopping.is_set():
            starts = [started for started in starts if time.monotonic() - started < 60]
            if len(starts) >= _RESTARTS_PER_MINUTE:
                raise HomeError(f"the runtime keeps ending; its log is {self._log_path}")
            starts.append(time.monotonic())
            self._runtime = self._start_runtime()
            try:
                if self._wait_ready(first=not announced) and not announced:
                    on_ready(self._home)
                    announced = True
                while self._runtime.poll() is None and not self._stopping.wait(0.2):
                    keeper.check()
            finally:
                code = self._end_runtime()
            if not self._stopping.is_set():
                self._console.print(f"[yellow]the runtime ended ({code}); starting it again[/]")
        return 0

    @property
    def _log_path(self) -> Path:
        return self._home.path / "runtime.log"

    def _start_runtime(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "knative.local", "--state-dir", str(self._home.path)]
        for folder in self._manifests:
            command += ["--manifests", str(folder)]
        command += ["--config", str(self._home.path / "config.yaml")]
        command += ["--gateway-port", str(self._ports.gateway), "--api-port", str(self._ports.api)]
        (self._home.path / "endpoints.json").unlink(missing_ok=True)
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._runtime_environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _runtime_environment(self) -> dict[str, str]:
        """Return our own variables; where clients need tokens, MinIO's webhook shows one, too."""
        ours = {**os.environ, **feast_variables()}
        given = os.environ.get(_TOKENS, "").strip()
        if not given or self._store_kind != "minio":
            return ours
        text = Path(given).read_text() if Path(given).is_file() else given
        webhook = f"object-store {self._home.credentials().webhook_token} admin"
        return {**ours, _TOKENS: str(self._home.write_private("tokens", f"{text}\n{webhook}\n"))}

    def _wait_ready(self, *, first: bool) -> bool:
        assert self._runtime is not None  # noqa: S101
        deadline = time.monotonic() + _READY_TIMEOUT_S
        with self._console.status("starting the runtime"):
            while time.monotonic() < deadline and not self._stopping.is_set():
                if (self._home.path / "endpoints.json").exists():
                    return True
                if (code := self._runtime.poll()) is not None:
                    if first:
                        raise HomeError(f"the runtime did not start ({code}):\n{self._log_tail()}")
                    return False
                self._stopping.wait(0.05)
        return False

    def _log_tail(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-8:])

    def _end_runtime(self) -> int:
        assert self._runtime is not None  # noqa: S101
        if self._runtime.poll() is None:
            with self._console.status("stopping: requests in flight are finished first"):
                self._runtime.terminate()
                try:
                    self._runtime.wait(_STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    self._runtime.kill()
        return self._runtime.wait()
