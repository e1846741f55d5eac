"""A real Prometheus, and its tool: the machine's, or as `make prometheus` builds them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

DEADLINE_S = 90.0
MONITORING = Path(__file__).parents[2] / "knative" / "components" / "monitoring"
RULES = MONITORING / "rules.yaml"
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())


def alerts() -> list[dict[str, Any]]:
    """Return our alert rules."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Return every query of the dashboard and of the rules."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [*panels, *(each["expr"] for each in alerts())]


def program(name: str) -> str:
    """Return one of the two programs, or skip the test that needs it."""
    found = shutil.which(name)
    if found is None:
        assert not os.environ.get("CI"), f"CI installs {name}"
        pytest.skip(f"needs {name} on the PATH: make prometheus")
    return found


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the tool."""
    command = [program("promtool"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


class Prometheus:
    """A server that scrapes as a file says."""

    def __init__(self, folder: Path, config: str) -> None:
        self._folder = folder
        (folder / "prometheus.yml").write_text(config)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> Prometheus:
        log = (self._folder / "prometheus.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        self.until(lambda: requests.get(f"{self.url}/-/ready", timeout=5).ok, "it is ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, query: str) -> float | None:
        """Return the one value of a query; None where there is no series."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def until(self, condition: Any, what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                if condition():
                    return
            except requests.RequestException:
                pass
            log = (self._folder / "prometheus.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}\n{log}"
            time.sleep(0.2)
