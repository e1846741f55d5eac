"""The processes of one measurement: the broker, a sink and producers, each on its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self


class Bench:
    """A broker with `triggers` triggers, of which one matches the producers' events, and a sink."""

    def __init__(self, folder: Path, triggers: int, *options: str) -> None:
        """Start the sink; write the triggers. `options` go to the broker's command line."""
        self.folder = folder
        self.options = options
        self.sink = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.broker.sink"], stdout=subprocess.PIPE, text=True
        )
        assert self.sink.stdout is not None
        self.sink_port = int(self.sink.stdout.readline())
        self.manifests = folder / "triggers.yaml"
        self.point_at(self.sink_port, triggers)
        self.broker: subprocess.Popen[str] | None = None
        self.port = 0

    def point_at(self, port: int, triggers: int, **spec: Any) -> None:
        """Write triggers towards a subscriber on `port`."""
        self.manifests.write_text(
            "\n---\n".join(
                json.dumps(
                    {
                        "kind": "Trigger",
                        "metadata": {"name": f"bench{number}", "namespace": "kascade"},
                        "spec": {
                            "broker": "default",
                            "filter": {"attributes": {"type": f"dev.kascade.bench{number}"}},
                            "subscriber": {"uri": f"http://127.0.0.1:{port}/"},
                            **spec,
                        },
                    }
                )
                for number in range(triggers)
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.broker is not None:
            self.end()
        self.sink.kill()
        self.sink.wait()
        assert self.sink.stdout is not None
        self.sink.stdout.close()

    def start(self) -> None:
        """Start the broker on the folder's log."""
        command = [sys.executable, "-m", "knative.local.broker", "--port", "0", *self.options]
        files = ["--trigger", str(self.manifests), "--log", str(self.folder / "broker.db")]
        self.broker = subprocess.Popen([*command, *files], stdout=subprocess.PIPE, text=True)
        assert self.broker.stdout is not None
        self.port = int(self.broker.stdout.readline().split("127.0.0.1:")[1].split("/")[0])

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the broker, or kill it."""
        assert self.broker is not None
        assert self.broker.stdout is not None
        self.broker.send_signal(how)
        self.broker.wait()
        self.broker.stdout.close()
        self.broker = None

    def produce(self, mode: str, **given: Any) -> subprocess.Popen[str]:
        """Start a producer; its report is read by `report_of`."""
        options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "benchmarks.broker.load", mode, "--port", str(self.port), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def ask_sink(self, path: str) -> dict[str, Any]:
        """Ask the sink what has arrived; `/` also makes it forget."""
        connection = HTTPConnection("127.0.0.1", self.sink_port, timeout=30)
        try:
            connection.request("GET", path)
            report: dict[str, Any] = json.loads(connection.getresponse().read())
            return report
        finally:
            connection.close()

    def arrived(self, events: int, deadline_s: float = 60.0) -> dict[str, Any]:
        """Wait until the sink has `events` different events; return its report."""
        end = time.monotonic() + deadline_s
        while self.ask_sink("/count")["distinct"] < events:
            if time.monotonic() > end:
                raise TimeoutError(f"only {self.ask_sink('/count')} of {events} events arrived")
            time.sleep(0.05)
        return self.ask_sink("/")

    def cpu_s(self) -> float:
        """Return the CPU seconds that the broker has used."""
        assert self.broker is not None
        fields = Path(f"/proc/{self.broker.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, which: str = "VmRSS") -> float:
        """Return the broker's resident memory now (`VmRSS`) or at its highest (`VmHWM`)."""
        assert self.broker is not None
        for line in Path(f"/proc/{self.broker.pid}/status").read_text().splitlines():
            if line.startswith(which):
                return int(line.split()[1]) / 1024
        raise LookupError(which)


def report_of(producer: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a producer and return its report."""
    output, _ = producer.communicate()
    report: dict[str, Any] = json.loads(output)
    return report
