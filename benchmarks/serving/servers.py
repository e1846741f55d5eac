"""The servers of the comparison: how each is started, when it is ready, what it costs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

from benchmarks.serving.environments import python_of
from benchmarks.serving.models import ServedModel

PEERS = Path(__file__).parent / "peers"
READY_WITHIN_S = 60.0
_LOG_ROWS = re.compile(r"^kascade_inference_log_(sent|dropped)_rows_total\{.*\} (\S+)$", re.MULTILINE)
LOGGED, UNLOGGED = "kascade", "kascade, no log"


@dataclass
class Server:
    """A running server of one model, and how long it took to become ready."""

    kind: str
    model: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    cold_start_s: float = 0.0

    @property
    def infer_path(self) -> str:
        return f"/v2/models/{self.model}/infer"

    def processes(self) -> list[psutil.Process]:
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def log_rows(self) -> dict[str, float]:
        """Return how many rows its log has sent and dropped; nothing where it keeps none."""
        if self.kind != LOGGED:
            return {}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {outcome: float(value) for outcome, value in _LOG_ROWS.findall(text)}

    def pss_mb(self) -> float:
        return sum(float(each.memory_full_info().pss) for each in self.processes()) / 1e6

    def stop(self) -> None:
        """End it and its children; one that ended by itself is left."""
        if self.process.poll() is not None:
            return
        children = self.processes()[1:]
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def start(kind: str, model: ServedModel, folder: Path, sink: str) -> Server:
    """Start a server and wait until it is ready. A peer's time to fit its model is not counted.

    Args:
        kind: one of KINDS.
        model: what it serves.
        folder: where it may write.
        sink: URL that ours logs its predictions to.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, env, cwd = _COMMANDS[kind](model, port, folder)
    if kind == LOGGED:
        env["K_SINK"] = sink
    log = folder / f"{kind}-{model.name}-{port}.log"
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=cwd, stdout=out, stderr=out)
    server = Server(kind, model.name, port, process, log)
    _wait_ready(server)
    server.cold_start_s = time.perf_counter() - began - _fit_s(log)
    return server


def _wait_ready(server: Server) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", f"/v2/models/{server.model}/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.005)
    server.stop()
    raise RuntimeError(f"{server.kind} is not ready: {server.log.read_text()[-2000:]}")


def _fit_s(log: Path) -> float:
    lines = [line for line in log.read_text().splitlines() if line.startswith("fit_s ")]
    return float(lines[0].split()[1]) if lines else 0.0


Command = tuple[list[str], dict[str, str], Path | None]


def _kascade(model: ServedModel, port: int, _: Path) -> Command:
    env = {**model.env, "HOST": "127.0.0.1", "PORT": str(port)}
    return [sys.executable, "-m", "functions.serve_model"], env, None


def _kserve(model: ServedModel, port: int, _: Path) -> Command:
    script = str(PEERS / "kserve_server.py")
    return [python_of("kserve"), script, "--name", model.name, "--http_port", str(port)], {}, None


def _mlserver(model: ServedModel, port: int, folder: Path) -> Command:
    """Run MLServer in one process (parallel_workers 0), which is its faster way here."""
    home = folder / f"mlserver-{model.name}-{port}"
    home.mkdir()
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": _free(), "metrics_port": _free()}
    settings |= {"parallel_workers": 0, "debug": False, "use_structured_logging": False}
    (home / "settings.json").write_text(json.dumps(settings))
    runtime = {"name": model.name, "implementation": "mlserver_runtime.Classifier"}
    (home / "model-settings.json").write_text(json.dumps(runtime))
    python = python_of("mlserver")
    command = [python, "-c", "from mlserver.cli import main; main()", "start", str(home)]
    return command, {"PYTHONPATH": str(PEERS), "MLSERVER_LOGGING_SETTINGS": ""}, home


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


_COMMANDS: dict[str, Callable[[ServedModel, int, Path], Command]] = {
    LOGGED: _kascade,
    UNLOGGED: _kascade,
    "kserve": _kserve,
    "mlserver": _mlserver,
}
KINDS = tuple(_COMMANDS)
